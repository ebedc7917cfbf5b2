//! Whose turn it is: lists the places a claim looks at, beginning behind the project that was served last, so that the
//! projects of one level take turns however many lanes each has. Every worker keeps its own round, in memory: a round
//! shared in the database would be one row that all claims wait for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::lane::Priority;

/// Where to look for lanes, in order: columns for the query. `after` is exclusive, `through` inclusive.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) levels: Vec<i16>,
    pub(crate) hosts: Vec<String>,
    pub(crate) after: Vec<Uuid>,
    pub(crate) through: Vec<Uuid>,
}

impl Places {
    fn push(&mut self, level: i16, host: &str, after: Uuid, through: Uuid) {
        self.levels.push(level);
        self.hosts.push(host.to_owned());
        self.after.push(after);
        self.through.push(through);
    }

    /// Which of the places a lane was found at.
    pub(crate) fn position(&self, level: i16, host: &str, project_id: Uuid) -> Option<usize> {
        (0..self.levels.len()).find(|&n| {
            self.levels[n] == level
                && self.hosts[n] == host
                && self.after[n] < project_id
                && project_id <= self.through[n]
        })
    }
}

/// By level: the host and the project that were served last. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<BTreeMap<i16, (String, Uuid)>>>);

impl Turns {
    /// Every level with every host, each once; a level begins behind its last turn and comes round to it last.
    pub(crate) fn places(&self, hosts: &[&str]) -> Places {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places = Places::default();
        for level in Priority::ALL.map(Priority::level) {
            let served = last.get(&level);
            let served = served.and_then(|(host, project)| Some((hosts.iter().position(|h| h == host)?, *project)));
            let Some((host, project)) = served else {
                for host in hosts {
                    places.push(level, host, Uuid::nil(), Uuid::max());
                }
                continue;
            };
            places.push(level, hosts[host], project, Uuid::max());
            for other in hosts[host + 1..].iter().chain(&hosts[..host]) {
                places.push(level, other, Uuid::nil(), Uuid::max());
            }
            places.push(level, hosts[host], Uuid::nil(), project);
        }
        places
    }

    /// Notes who was served last at a level.
    pub(crate) fn served(&self, level: i16, host: String, project_id: Uuid) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(level, (host, project_id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_level(places: &Places, level: i16) -> Vec<(&str, u128, u128)> {
        let number = |id: Uuid| if id == Uuid::max() { 99 } else { id.as_u128() };
        (0..places.levels.len())
            .filter(|&n| places.levels[n] == level)
            .map(|n| {
                (
                    places.hosts[n].as_str(),
                    number(places.after[n]),
                    number(places.through[n]),
                )
            })
            .collect()
    }

    #[test]
    fn a_level_begins_behind_its_last_turn_and_comes_round_to_it() {
        let turns = Turns::default();
        let hosts = ["desk", "gpu", ""];
        assert_eq!(
            of_level(&turns.places(&hosts), 3),
            [("desk", 0, 99), ("gpu", 0, 99), ("", 0, 99)]
        );
        turns.served(3, "gpu".into(), Uuid::from_u128(7));
        let places = turns.places(&hosts);
        assert_eq!(
            of_level(&places, 3),
            [("gpu", 7, 99), ("", 0, 99), ("desk", 0, 99), ("gpu", 0, 7)]
        );
        assert_eq!(
            of_level(&places, 1),
            [("desk", 0, 99), ("gpu", 0, 99), ("", 0, 99)],
            "each level has its own"
        );
        assert!(places.levels.is_sorted());
    }

    #[test]
    fn a_lane_is_found_at_one_place() {
        let turns = Turns::default();
        turns.served(3, "desk".into(), Uuid::from_u128(7));
        let places = turns.places(&["desk", ""]);
        let position = |project| places.position(3, "desk", Uuid::from_u128(project)).map(|n| n - 2);
        assert_eq!([position(8), position(7), position(1)], [Some(0), Some(2), Some(2)]);
        assert_eq!(places.position(3, "nas", Uuid::from_u128(7)), None);
    }
}
