//! Watches the fence of a project's database, or takes it away: the only way to show what it is good for. Replaces its two
//! functions in the database of one test; the programs are those that users have.

use crate::Installation;

/// Whether the fence is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// As users have it.
    On,
    /// Everybody is told that nobody has overtaken them.
    Off,
}

/// What was published in a project since [`FenceWatch::begin`].
#[derive(Debug)]
pub struct FenceWatch {
    /// Publishing transactions that were refused.
    pub refusals: u64,
    /// Publishing transactions under an older claim than one that had published in the same lane before.
    pub regressions: u64,
    /// Texts that were replaced by an older text of the same file.
    pub overwrites: u64,
}

impl FenceWatch {
    /// Begins to watch `project`, with the fence or without it.
    pub async fn begin(quarry: &Installation, project: &str, fence: Fence) {
        quarry.rows(project, include_str!("fence_log.sql")).await;
        if fence == Fence::Off {
            quarry.rows(project, include_str!("fence_off.sql")).await;
        }
    }

    /// What was seen so far.
    ///
    /// # Panics
    /// When nothing was ever watched.
    pub async fn so_far(quarry: &Installation, project: &str) -> FenceWatch {
        let counts = "select
                (select last_value from watched.refusals),
                (select count(*) from (
                    select claimed < max(claimed) over (partition by lane order by number) as is_older
                    from watched.publications
                ) as publication where is_older),
                (select count(*) from (
                    select revision < max(revision) over (partition by path order by number) as is_older
                    from watched.revisions
                ) as text where is_older)";
        let rows = quarry.rows(project, counts).await;
        let numbers: Vec<u64> = rows[0].split('|').map(|number| number.parse().unwrap()).collect();
        FenceWatch {
            refusals: numbers[0],
            regressions: numbers[1],
            overwrites: numbers[2],
        }
    }
}
