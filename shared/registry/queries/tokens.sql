-- Tokens with the names of their projects, all or one.
select tokens.id, tokens.name, tokens.secret_hash, tokens.scope, tokens.all_projects, tokens.created_by,
    tokens.created_at, tokens.expires_at, tokens.last_used_at, tokens.revoked_at,
    coalesce(
        (
            select array_agg(projects.name order by projects.name)
            from token_projects
            join projects on projects.id = token_projects.project_id
            where token_projects.token_id = tokens.id
        ),
        '{}'
    ) as "projects!"
from tokens
where $1::uuid is null or tokens.id = $1
order by tokens.name, tokens.created_at
