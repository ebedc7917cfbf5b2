//! Saving, asking, withdrawing and removing: by the queue and by the model.

use std::collections::BTreeSet;

use quarry_queue::*;

use super::History;
use super::state::{Key, ModelTicket, REMOVAL, SYNC, State, lane_of};
use crate::support::*;

impl History<'_> {
    fn is_removing(&self) -> bool {
        self.lanes.values().any(|lane| lane.state == State::Removing)
    }

    pub(super) async fn save(&mut self, names: &[String]) {
        let (pool, project, repository) = (&self.bench.pool, self.bench.project, self.repository);
        let saved = mark_dirty(pool, project, repository, None, names, Debounce::NONE, "test").await;
        assert_eq!(saved.is_err(), self.is_removing(), "{saved:?}");
        if let Ok(ticket) = saved {
            self.mark(names);
            self.expect(ticket, names.iter().map(|name| lane_of(name)).collect());
        }
    }

    pub(super) async fn ask_for_sync(&mut self) {
        let (pool, project, repository) = (&self.bench.pool, self.bench.project, self.repository);
        let asked = enqueue_sync(pool, project, repository, Some(HOST), SyncRequest::new("test")).await;
        assert_eq!(asked.is_err(), self.is_removing(), "{asked:?}");
        if let Ok(ticket) = asked {
            self.lanes.entry(SYNC).or_default().ask();
            self.expect(ticket, BTreeSet::from([SYNC]));
        }
    }

    pub(super) async fn remove(&mut self) {
        let (pool, project, repository) = (&self.bench.pool, self.bench.project, self.repository);
        let ticket = enqueue_remove(pool, project, repository, "test").await.unwrap();
        self.lanes.entry(REMOVAL).or_default().ask();
        let blocked: BTreeSet<Key> = Lane::publishing(project, repository)
            .iter()
            .map(|lane| (lane.kind, lane.shard))
            .collect();
        for ticket in &mut self.tickets {
            let waits_for = |(key, generation): (&Key, &i64)| {
                blocked.contains(key) && self.lanes.get(key).is_some_and(|lane| lane.done < *generation)
            };
            ticket.cancelled |= ticket.waits.iter().any(waits_for);
        }
        for key in &blocked {
            let lane = self.lanes.entry(*key).or_default();
            (lane.state, lane.cancel_requested) = (State::Removing, false);
        }
        for run in &mut self.runs {
            run.zombie |= blocked.contains(&run.key);
        }
        self.expect(ticket, BTreeSet::from([REMOVAL]));
    }

    pub(super) fn mark(&mut self, names: &[String]) {
        let keys: BTreeSet<Key> = names.iter().map(|name| lane_of(name)).collect();
        for key in keys {
            self.lanes.entry(key).or_default().ask();
        }
        for name in names {
            self.saves += 1;
            let lane = self.lanes.entry(lane_of(name)).or_default();
            lane.files.insert(name.clone(), self.saves);
        }
    }

    pub(super) fn expect(&mut self, ticket: Ticket, keys: BTreeSet<Key>) {
        let waits = keys.into_iter().map(|key| (key, self.lanes[&key].dirty)).collect();
        self.tickets.push(ModelTicket {
            id: ticket.id,
            cancelled: false,
            waits,
        });
    }

    pub(super) async fn cancel(&mut self, ticket: usize) {
        cancel_ticket(&self.bench.pool, self.tickets[ticket].id).await.unwrap();
        let waits = self.tickets[ticket].waits.clone();
        let open: Vec<Key> = waits
            .into_iter()
            .filter(|(key, generation)| self.lanes.get(key).is_some_and(|lane| lane.done < *generation))
            .map(|(key, _)| key)
            .collect();
        if open.is_empty() {
            return;
        }
        self.tickets[ticket].cancelled = true;
        for key in open {
            self.stop_if_unwanted(key);
            if key == SYNC {
                for shard in 0..SHARDS {
                    self.stop_if_unwanted((JobKind::IndexFiles, shard));
                }
            }
        }
    }

    pub(super) fn is_wanted(&self, key: Key) -> bool {
        let waits = |ticket: &ModelTicket| {
            ticket
                .waits
                .get(&key)
                .is_some_and(|generation| *generation > self.lanes[&key].done)
        };
        self.tickets.iter().any(|ticket| !ticket.cancelled && waits(ticket))
    }

    fn stop_if_unwanted(&mut self, key: Key) {
        if !self.lanes.contains_key(&key) || self.is_wanted(key) {
            return;
        }
        let lane = self.lanes.get_mut(&key).unwrap();
        match lane.state {
            State::Leased => lane.cancel_requested = true,
            State::Ready => {
                lane.state = State::Idle;
                if key == REMOVAL {
                    self.release();
                }
            }
            State::Idle | State::Parked | State::Removing => {}
        }
    }

    pub(super) fn release(&mut self) {
        for lane in self.lanes.values_mut().filter(|lane| lane.state == State::Removing) {
            lane.state = State::Idle;
        }
    }
}
