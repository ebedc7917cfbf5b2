//! Why a file is not in the index. The names are stable: they are keys in reports and in stored counts.
//! Handed out by every door of this module; never an error.

use std::fmt;

/// Why a file (or a whole directory, counted once) is not indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// Refused by `.gitignore`, `.ignore`, `.quarryignore` or git's own exclude files.
    Ignored,
    /// Its name begins with a dot and no ignore file asks for it.
    Hidden,
    /// A directory of installed packages, build output, or version control.
    Vendored,
    /// Of a kind that holds secrets.
    Secret,
    /// Not text.
    Binary,
    /// Compressed for machines.
    Minified,
    /// Written by a program.
    Generated,
    /// Above the size limit.
    TooLarge,
    /// A symbolic link, or below one.
    Symlink,
    /// A pipe, socket or device.
    Special,
    /// Its name cannot be written as text.
    NotUtf8Name,
    /// In an encoding that is not understood.
    Encoding,
    /// The operating system refuses to open it.
    Unreadable,
}

impl SkipReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [SkipReason; 13] = [
        SkipReason::Ignored,
        SkipReason::Hidden,
        SkipReason::Vendored,
        SkipReason::Secret,
        SkipReason::Binary,
        SkipReason::Minified,
        SkipReason::Generated,
        SkipReason::TooLarge,
        SkipReason::Symlink,
        SkipReason::Special,
        SkipReason::NotUtf8Name,
        SkipReason::Encoding,
        SkipReason::Unreadable,
    ];

    /// The stable name, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            SkipReason::Ignored => "ignored",
            SkipReason::Hidden => "hidden",
            SkipReason::Vendored => "vendored",
            SkipReason::Secret => "secret",
            SkipReason::Binary => "binary",
            SkipReason::Minified => "minified",
            SkipReason::Generated => "generated",
            SkipReason::TooLarge => "too_large",
            SkipReason::Symlink => "symlink",
            SkipReason::Special => "special",
            SkipReason::NotUtf8Name => "not_utf8_name",
            SkipReason::Encoding => "encoding",
            SkipReason::Unreadable => "unreadable",
        }
    }

    /// The reason with this stable name.
    pub fn from_name(name: &str) -> Option<SkipReason> {
        SkipReason::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// One sentence for people, which says what would change it.
    pub fn sentence(self) -> &'static str {
        match self {
            SkipReason::Ignored => {
                "An ignore file (.gitignore, .ignore, .quarryignore or git's exclude files) leaves it out; change the rule to index it."
            }
            SkipReason::Hidden => "Its name begins with a dot; a line such as !.name in .quarryignore brings it in.",
            SkipReason::Vendored => {
                "The directory holds installed packages, build output or version control, not this repository's source."
            }
            SkipReason::Secret => "Files of this kind hold passwords or keys and are never read.",
            SkipReason::Binary => "It is not text.",
            SkipReason::Minified => "Its lines are written for machines, not for readers.",
            SkipReason::Generated => "A program writes it; what it is generated from is indexed.",
            SkipReason::TooLarge => "It is above the size limit for one file.",
            SkipReason::Symlink => "Symbolic links are not followed; the file they lead to is indexed where it lies.",
            SkipReason::Special => "It is a pipe, a socket or a device, not a file.",
            SkipReason::NotUtf8Name => "Its name is not UTF-8 or has control characters in it; rename it to index it.",
            SkipReason::Encoding => "Its text is in no encoding that is understood; save it as UTF-8 to index it.",
            SkipReason::Unreadable => "It could not be opened; check its permissions.",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::SkipReason;

    #[test]
    fn every_name_leads_back_to_its_reason() {
        for reason in SkipReason::ALL {
            assert_eq!(SkipReason::from_name(reason.name()), Some(reason));
            assert!(reason.sentence().ends_with('.'));
        }
    }
}
