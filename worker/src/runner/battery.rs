//! Whether work is left for later because this machine runs on its battery. Looks at what the system says of its power supplies
//! now and then; a machine that says nothing of them has mains power.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Somebody who plugs a machine in waits for this on average half. A look reads a few small files.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Where Linux describes its power supplies.
const SUPPLIES: &str = "/sys/class/power_supply";

/// Watches over the power of this machine for one worker.
pub(super) struct Battery {
    /// The setting `worker.on_battery`.
    pauses: bool,
    supplies: PathBuf,
    next_look: Instant,
    is_pausing: bool,
}

impl Battery {
    pub(super) fn new(pauses: bool) -> Battery {
        Battery {
            pauses,
            supplies: SUPPLIES.into(),
            next_look: Instant::now(),
            is_pausing: false,
        }
    }

    /// Whether nothing is to be begun now.
    pub(super) fn is_pausing(&mut self, now: Instant) -> bool {
        if self.pauses && now >= self.next_look {
            self.next_look = now + LOOK_EVERY;
            let is_pausing = runs_on_battery(&self.supplies);
            if is_pausing != self.is_pausing {
                let what = if is_pausing {
                    "waiting for mains power"
                } else {
                    "working again"
                };
                tracing::info!(
                    "the battery is {}: {what}",
                    if is_pausing { "in use" } else { "not in use" }
                );
            }
            self.is_pausing = is_pausing;
        }
        self.is_pausing
    }

    /// When to ask again.
    pub(super) fn next_look(&self) -> Instant {
        self.next_look
    }
}

/// Whether this machine runs on its battery now.
pub(crate) fn is_battery_in_use() -> bool {
    runs_on_battery(Path::new(SUPPLIES))
}

fn runs_on_battery(supplies: &Path) -> bool {
    if cfg!(target_os = "macos") {
        is_macos_on_battery()
    } else {
        is_on_battery(supplies)
    }
}

/// A battery of the machine is being discharged, and no supply from outside gives power.
fn is_on_battery(supplies: &Path) -> bool {
    let Ok(entries) = fs::read_dir(supplies) else {
        return false;
    };
    let mut is_discharging = false;
    for supply in entries.flatten().map(|entry| entry.path()) {
        let says = |name: &str, word: &str| fs::read_to_string(supply.join(name)).is_ok_and(|text| text.trim() == word);
        if says("type", "Battery") {
            // That of a mouse or a headset says so.
            is_discharging |= says("status", "Discharging") && !says("scope", "Device");
        } else if says("online", "1") {
            return false;
        }
    }
    is_discharging
}

fn is_macos_on_battery() -> bool {
    let said = std::process::Command::new("/usr/bin/pmset")
        .args(["-g", "batt"])
        .output();
    said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("'Battery Power'"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn supply(directory: &Path, name: &str, files: &[(&str, &str)]) {
        fs::create_dir_all(directory.join(name)).unwrap();
        for (file, text) in files {
            fs::write(directory.join(name).join(file), format!("{text}\n")).unwrap();
        }
    }

    #[test]
    fn a_laptop_pauses_while_it_is_unplugged_and_a_mouse_does_not_count() {
        let supplies = tempfile::tempdir().unwrap();
        let at = supplies.path();
        assert!(!is_on_battery(at) && !is_on_battery(&at.join("missing")));
        supply(
            at,
            "mouse",
            &[("type", "Battery"), ("status", "Discharging"), ("scope", "Device")],
        );
        assert!(!is_on_battery(at));
        supply(at, "BAT0", &[("type", "Battery"), ("status", "Discharging")]);
        assert!(is_on_battery(at));
        supply(at, "AC", &[("type", "Mains"), ("online", "1")]);
        assert!(!is_on_battery(at));
        supply(at, "AC", &[("online", "0")]);
        assert!(is_on_battery(at));
        supply(at, "BAT0", &[("status", "Full")]);
        assert!(!is_on_battery(at));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_who_is_told_to_pauses_and_looks_only_now_and_then() {
        let supplies = tempfile::tempdir().unwrap();
        supply(
            supplies.path(),
            "BAT0",
            &[("type", "Battery"), ("status", "Discharging")],
        );
        let battery = |pauses| Battery {
            supplies: supplies.path().to_owned(),
            ..Battery::new(pauses)
        };
        let (mut pausing, now) = (battery(true), Instant::now());
        assert!(pausing.is_pausing(now) && !battery(false).is_pausing(now));
        supply(supplies.path(), "BAT0", &[("status", "Charging")]);
        assert!(pausing.is_pausing(now + LOOK_EVERY / 2));
        assert!(!pausing.is_pausing(now + LOOK_EVERY));
    }
}
