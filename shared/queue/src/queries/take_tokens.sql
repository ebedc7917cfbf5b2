-- Reserves up to $2 tokens of a bucket that fills by $3 a second up to $4, and says in how many seconds they
-- are there. The level may fall below zero: what is reserved is then still to come, and who asks next waits behind it.
-- The clock is read once, after the row is locked; time that passes between two reads would be lost or counted twice.
insert into token_buckets as bucket (name, tokens, filled_at)
values ($1, $4::double precision - least($2::double precision, $4), clock_timestamp())
on conflict (name) do update set (tokens, filled_at) = (
    select least($4, bucket.tokens + $3::double precision * greatest(0, extract(epoch from clock.now - bucket.filled_at)))
            - least($2, $4),
        greatest(clock.now, bucket.filled_at)
    from (select clock_timestamp() as now offset 0) as clock
)
returning greatest(0, -tokens / $3) as "wait_seconds!"
