-- Files with what they define, and their repositories.
select
    file.id,
    file.repository_id,
    file.path,
    file.language,
    repository.name as repository_name,
    repository.repo_path as repository_root,
    outline.outline
from codebase.files as file
join codebase.repositories as repository on repository.id = file.repository_id
join codebase.file_outlines as outline on outline.file_id = file.id
where file.id = any($1)
