-- Repositories that are named by a git URL. Any worker on any machine fetches them into a cache of its own, so what to
-- fetch, and which commit the lanes read, has to stand where all of them see it.

alter table codebase.repositories
    -- The URL that git is given; repo_path holds its canonical form. Null: the repository is a directory.
    add column fetch_url text,
    -- The branch that is followed; null: whichever the server calls its default.
    add column followed_branch text,
    -- The commit that the lanes read. Written by a sync, under its fence, before it marks anything.
    add column target_commit text,
    add column fetched_at timestamptz,
    add constraint only_what_is_fetched_has_a_target check (
        fetch_url is not null
        or (followed_branch is null and target_commit is null and fetched_at is null)
    );
