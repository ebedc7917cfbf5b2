-- A run that the database server cut short, by a restart or a full disk, is no failure of its lane and is told apart from
-- one in the history.
alter table runs
    drop constraint valid_outcome,
    add constraint valid_outcome check (
        outcome in ('succeeded', 'failed', 'interrupted', 'cancelled', 'handed_back', 'lost')
    );
