//! What the queue promises, on a real Postgres: one file per part of a lane's life.
#![allow(clippy::unwrap_used)] // reason: tests

mod support;

mod asking;
mod cancelling;
mod claiming;
mod following;
mod interleavings;
mod leases;
mod limits;
mod listing;
mod model;
mod overlooking;
mod plan;
mod poison;
mod removing;
mod resharding;
mod settling;
mod tickets;
mod turns;
mod waking;
mod yielding;
