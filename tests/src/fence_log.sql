-- Notes what is published under which claim, so that a test can ask whether an older claim ever published after a newer one.
create schema watched;

create table watched.publications (
    number bigint generated always as identity primary key,
    lane text not null,
    claimed bigint not null
);

-- A sequence, because what a refused publication writes is rolled back with it.
create sequence watched.refusals minvalue 0;
select setval('watched.refusals', 0);

alter function codebase.hold_fence(text, bigint) rename to fence_as_it_is;

create function codebase.hold_fence(of_lane text, claimed bigint) returns bigint language plpgsql as $$
declare
    newer bigint := codebase.fence_as_it_is(of_lane, claimed);
begin
    if newer is null then
        insert into watched.publications (lane, claimed) values (of_lane, claimed);
    else
        perform nextval('watched.refusals');
    end if;
    return newer;
end
$$;

-- The files of these tests carry a number that grows with every save.
create table watched.revisions (
    number bigint generated always as identity primary key,
    path text not null,
    revision bigint not null
);

create function watched.note_revision() returns trigger language plpgsql as $$
begin
    insert into watched.revisions (path, revision)
    select new.file_path, written[1]::bigint
    from regexp_matches(new.content, 'revision = ([0-9]+)') as written;
    return null;
end
$$;

create trigger note_revision after insert on codebase.code_chunks
    for each row execute function watched.note_revision();
