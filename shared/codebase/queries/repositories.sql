-- A project has tens of repositories at most, so one statement serves all of them, one by id and one by location.
select
    id,
    host,
    repo_path,
    name,
    indexing_status,
    last_indexed_at,
    total_files,
    total_chunks,
    indexing_duration_seconds::float8 as indexing_seconds,
    skipped_files as "skipped_files: Json<BTreeMap<String, u64>>",
    git_commit,
    git_branch,
    git_dirty,
    fetch_url,
    followed_branch,
    target_commit,
    fetched_at,
    last_error,
    created_at,
    updated_at
from codebase.repositories
where ($1::uuid is null or id = $1)
and ($2::text is null or host = $2)
and ($3::text is null or repo_path = $3)
order by name, host, repo_path
