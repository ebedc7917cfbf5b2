use super::*;

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A pace and the moment it begins.
fn pace() -> (Pace, Instant) {
    let start = Instant::now();
    (Pace::new(start), start)
}

fn mark_many(pace: &mut Pace, count: usize, now: Instant) {
    for number in 0..count {
        pace.mark(format!("file {number}"), now);
    }
}

/// What comes out when the pace is asked whenever it says it is due, for `period` from `now` on.
fn all_handed(pace: &mut Pace, now: Instant, period: Duration) -> Vec<Handed> {
    let mut handed = Vec::new();
    while let Some(due) = pace.due().filter(|due| *due <= now + period) {
        handed.push(pace.take(due));
    }
    handed
}

#[test]
fn a_saved_file_is_handed_on_at_once() {
    let (mut pace, start) = pace();
    assert_eq!(pace.due(), None);
    pace.mark("a".into(), start);
    assert_eq!(pace.due(), Some(start));
    let handed = pace.take(start);
    assert_eq!((handed.marks, handed.sync), (BTreeSet::from(["a".to_owned()]), None));
    assert_eq!((pace.due(), pace.take(start)), (None, Handed::default()));
}

#[test]
fn many_files_become_one_comparison_once_it_is_quiet() {
    let (mut pace, start) = pace();
    mark_many(&mut pace, MARKS_LIMIT * 10, start);
    mark_many(&mut pace, MARKS_LIMIT, start + milliseconds(50));
    assert_eq!(pace.due(), Some(start + milliseconds(150)));
    let handed = all_handed(&mut pace, start, LONGEST);
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].sync, Some(Reason::ManyChanges));
    assert!(handed[0].marks.is_empty());
}

#[test]
fn a_storm_that_does_not_end_is_compared_all_the_same() {
    let (mut pace, start) = pace();
    let mut syncs = 0;
    for step in 0..400 {
        let now = start + milliseconds(step * 50);
        mark_many(&mut pace, MARKS_LIMIT + 1, now);
        if pace.due().is_some_and(|due| due <= now) {
            let handed = pace.take(now);
            assert!(handed.marks.len() <= MARKS_LIMIT);
            syncs += usize::from(handed.sync.is_some());
        }
    }
    assert!((4..=10).contains(&syncs), "{syncs} in 20 s");
}

#[test]
fn a_single_save_does_not_wait_for_a_comparison() {
    let (mut pace, start) = pace();
    pace.want_sync(Reason::DirectoryMoved, start);
    pace.mark("a".into(), start);
    let handed = pace.take(start);
    assert_eq!((handed.marks.len(), handed.sync), (1, None));
    assert_eq!(
        all_handed(&mut pace, start, LONGEST)[0].sync,
        Some(Reason::DirectoryMoved)
    );
}

#[test]
fn what_git_writes_under_its_lock_becomes_one_comparison() {
    let (mut pace, start) = pace();
    pace.hold(start);
    mark_many(&mut pace, 20, start + milliseconds(10));
    assert_eq!(pace.due(), Some(start + LONGEST));
    pace.release(start + milliseconds(300));
    pace.want_sync(Reason::GitMoved, start + milliseconds(310));
    let handed = all_handed(&mut pace, start, LONGEST);
    assert_eq!(
        handed,
        [Handed {
            marks: BTreeSet::new(),
            sync: Some(Reason::GitMoved)
        }]
    );
}

#[test]
fn files_saved_under_a_lock_that_moves_nothing_are_marked_when_it_ends() {
    let (mut pace, start) = pace();
    pace.hold(start);
    pace.mark("a".into(), start);
    pace.release(start + milliseconds(5));
    assert_eq!(pace.due(), Some(start + milliseconds(105)));
    assert_eq!(pace.take(start + milliseconds(105)).marks.len(), 1);
    pace.mark("b".into(), start + milliseconds(200));
    assert_eq!(pace.due(), Some(start + milliseconds(200)), "the lock is forgotten");
}

#[test]
fn a_lock_that_is_left_behind_delays_nothing_for_more_than_two_seconds() {
    let (mut pace, start) = pace();
    pace.hold(start);
    pace.mark("a".into(), start + milliseconds(1500));
    assert_eq!(pace.due(), Some(start + LONGEST));
    assert_eq!(pace.take(start + LONGEST).marks.len(), 1);
    pace.mark("b".into(), start + milliseconds(9000));
    assert_eq!(pace.due(), Some(start + milliseconds(9000)));
}

#[test]
fn a_lock_around_nothing_delays_nothing_afterwards() {
    let (mut pace, start) = pace();
    pace.hold(start);
    pace.release(start + milliseconds(3));
    pace.mark("a".into(), start + milliseconds(4));
    assert_eq!(pace.due(), Some(start + milliseconds(4)));
}

#[test]
fn losses_that_repeat_are_compared_less_and_less_often() {
    let (mut pace, start) = pace();
    let mut at = Vec::new();
    let mut now = start;
    while now < start + Duration::from_secs(600) {
        pace.want_sync(Reason::EventsLost, now);
        if pace.due().is_some_and(|due| due <= now) && pace.take(now).sync.is_some() {
            at.push(now);
        }
        now += milliseconds(100);
    }
    let last_pause = at[at.len() - 1] - at[at.len() - 2];
    assert!(
        at.len() < 20 && last_pause >= SPACING_LIMIT_AFTER_LOSS,
        "{last_pause:?}"
    );
}

#[test]
fn after_a_calm_time_a_comparison_is_quick_again() {
    let (mut pace, start) = pace();
    for second in 0..20 {
        let now = start + Duration::from_secs(second);
        pace.want_sync(Reason::GitMoved, now);
        all_handed(&mut pace, now, Duration::from_secs(1));
    }
    let later = start + Duration::from_secs(60);
    pace.want_sync(Reason::GitMoved, later);
    assert_eq!(pace.due(), Some(later + QUIET));
}

#[test]
fn what_came_and_went_is_looked_at_once_when_it_has_long_been_gone() {
    let (mut pace, start) = pace();
    pace.mark_later("4913".into(), start);
    pace.mark_later("4914".into(), start + milliseconds(900));
    pace.mark("saved".into(), start);
    assert_eq!(pace.take(start).marks.len(), 1, "a save does not wait for it");
    assert_eq!(pace.due(), Some(start + AFTERTHOUGHT));
    assert_eq!(pace.take(start + AFTERTHOUGHT).marks.len(), 2);
    assert_eq!(pace.due(), None);
    for number in 0..=MARKS_LIMIT {
        pace.mark_later(number.to_string(), start);
    }
    assert!(pace.sync.is_some() && pace.afterthoughts.is_empty());
}
