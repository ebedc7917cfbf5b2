//! Whether the rows are what the model says.

use quarry_queue::*;

use super::History;
use super::state::{ModelTicket, State};

impl History<'_> {
    pub(super) async fn compare(&self, situation: &str) {
        type Row = (String, i16, String, i64, i64, i64, i16, i16, bool, Vec<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "select kind, shard, state, dirty_generation, claimed_generation, done_generation, attempt, losses,
                 cancel_requested,
                 array(select path from dirty_files
                       where repository_id = jobs.repository_id and shard = jobs.shard and kind = 'index_files'
                       order by path)
             from jobs
             order by array_position(array['remove_repository', 'sync_repository', 'index_files'], kind), shard",
        )
        .fetch_all(&self.bench.pool)
        .await
        .unwrap();
        let expected: Vec<Row> = self
            .lanes
            .iter()
            .map(|((kind, shard), lane)| {
                (
                    kind.as_str().to_owned(),
                    *shard,
                    format!("{:?}", lane.state).to_lowercase(),
                    lane.dirty,
                    lane.claimed,
                    lane.done,
                    lane.attempt,
                    lane.losses,
                    lane.cancel_requested,
                    lane.files.keys().cloned().collect(),
                )
            })
            .collect();
        assert_eq!(rows, expected, "{situation}");
        for ticket in self.tickets.iter().rev().take(10) {
            let status = ticket_status(&self.bench.pool, ticket.id).await.unwrap();
            assert_eq!(status.state, self.state_of(ticket), "{situation}: {status:?}");
        }
    }

    fn state_of(&self, ticket: &ModelTicket) -> TicketState {
        let open: Vec<State> = ticket
            .waits
            .iter()
            .filter(|(key, generation)| self.lanes[key].done < **generation)
            .map(|(key, _)| self.lanes[key].state)
            .collect();
        if ticket.cancelled {
            TicketState::Cancelled
        } else if open.is_empty() {
            TicketState::Done
        } else if open.contains(&State::Parked) {
            TicketState::Failed
        } else if open.contains(&State::Leased) {
            TicketState::Running
        } else {
            TicketState::Waiting
        }
    }
}
