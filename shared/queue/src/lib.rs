#![doc = include_str!("../README.md")]

mod lane;

mod enqueue;
mod mark_dirty;
mod mark_waiting_again;
mod overdue_syncs;
mod remove;

mod wakeup;

mod claim;
mod claim_filter;
mod claim_floor;
mod dirty_files;
mod extend_tickets;
mod progress;
mod project_limit;
mod retry_policy;
mod settle;
mod settle_decision;
mod settle_many;
mod turns;
mod who_waits;

mod rescue;
mod token_bucket;
mod workers;

mod cancel;
mod overview;
mod pending;
mod prune;
mod ticket;
mod ticket_runs;
mod tickets_list;
mod waiting;

mod error;

pub use cancel::{cancel_job, cancel_ticket, retry_job};
pub use claim::{CLAIM_LIMIT, Claim, claim, holds, next_due};
pub use claim_filter::ClaimFilter;
pub use dirty_files::{DirtyFile, dirty_files, drop_dirty, saved_files};
pub use enqueue::{SyncRequest, Ticket, WAITING_SAVES_LIMIT, enqueue_model_change, enqueue_rebuild, enqueue_sync};
pub use error::{QueueError, Result};
pub use lane::{JobKind, Lane, Priority, SHARDS, shard_of};
pub use mark_dirty::{Debounce, SAVED_BY_HAND_LIMIT, mark_dirty, mark_dirty_from_sync};
pub use mark_waiting_again::mark_waiting_again;
pub use overdue_syncs::{OverdueSync, overdue_syncs};
pub use overview::{JobEntry, JobsFilter, QueueDepth, RunEntry, job_show, jobs_list, queue_depth};
pub use pending::{Pending, pending, since_last_sync};
pub use progress::{Progress, REPORT_INTERVAL, ReportPace, report_progress};
pub use project_limit::{ProjectLimit, limit_project, project_limit};
pub use prune::{KEEP_RUNS, KEEP_TICKETS, prune};
pub use remove::enqueue_remove;
pub use rescue::{Rescued, rescue};
pub use retry_policy::RetryPolicy;
pub use settle::{FollowUp, Outcome, Settled, settle};
pub use settle_many::{Succeeded, settle_many};
pub use ticket::{OpenLane, TicketState, TicketStatus, ticket_status};
pub use ticket_runs::ticket_counts;
pub use tickets_list::{TicketEntry, TicketsFilter, tickets_list};
pub use token_bucket::{Granted, Rate, take_tokens};
pub use waiting::{WaitingFile, lane_fences, waiting_below, waiting_files};
pub use wakeup::{POLL_INTERVAL, WakeUp, Woken};
pub use who_waits::{Waiting, who_waits};
pub use workers::{
    Beat, HEARTBEAT_INTERVAL, Lease, TIME_TO_LIVE, Worker, WorkerEntry, hand_back_strays, heartbeat, register_worker,
    retire_worker, workers, workers_alive,
};
