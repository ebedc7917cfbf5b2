-- Vectors are stored in half precision, of which pgvector indexes twice as many dimensions.

alter table projects
    drop constraint valid_dimensions,
    add constraint valid_dimensions check (embedding_dimensions between 1 and 4000);
