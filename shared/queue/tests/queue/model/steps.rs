//! What may happen, and how often.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

/// One thing that happens. Which of the runs or tickets there are just then it happens to is chosen by position.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Save(BTreeSet<u8>),
    AskForSync,
    Claim(usize),
    Read(Index),
    DropHalf(Index),
    Beat,
    Die,
    Settle(Index, End, BTreeSet<u8>),
    CancelTicket(Index),
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Succeeded,
    Failed,
    Interrupted,
    HandedBack,
    /// As its worker was told; handed back where nobody told it.
    AsTold,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let files = || proptest::collection::btree_set(0_u8..12, 1..4);
    let end = prop_oneof![
        6 => Just(End::Succeeded),
        3 => Just(End::Failed),
        1 => Just(End::Interrupted),
        1 => Just(End::HandedBack),
        2 => Just(End::AsTold),
    ];
    prop_oneof![
        28 => files().prop_map(Step::Save),
        8 => Just(Step::AskForSync),
        20 => (1_usize..4).prop_map(Step::Claim),
        6 => any::<Index>().prop_map(Step::Read),
        6 => any::<Index>().prop_map(Step::DropHalf),
        3 => Just(Step::Beat),
        2 => Just(Step::Die),
        24 => (any::<Index>(), end, files()).prop_map(|(run, end, files)| Step::Settle(run, end, files)),
        5 => any::<Index>().prop_map(Step::CancelTicket),
        2 => Just(Step::Remove),
    ]
}
