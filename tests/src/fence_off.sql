-- The control arm, after fence_log.sql: everybody may publish. No program of ours has a switch for this.
create or replace function codebase.raise_fence(of_lane text, claimed bigint) returns bigint language sql as $$
    select claimed
$$;
create or replace function codebase.fence_as_it_is(of_lane text, claimed bigint) returns bigint language sql as $$
    select null::bigint
$$;
