//! What a command was given and cannot be right. Ends with the same status as what clap refuses, where only the registry
//! can tell.

use quarry_lifecycle::GIT_HOST;

/// Status of wrong usage, as clap has it.
pub(super) const STATUS: u8 = 2;

/// Why the arguments cannot be meant, with those that could be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct WrongUsage(pub(super) String);

/// The longest label, in bytes: that of a host's name, beside which it stands.
const MAX_LABEL_BYTES: usize = 200;

/// A label that machines share.
pub(super) fn label(text: &str) -> Result<String, String> {
    let is_sound = !text.trim().is_empty() && text.trim() == text && !text.chars().any(|c| c.is_control() || c == ',');
    if !is_sound || text.len() > MAX_LABEL_BYTES {
        return Err(format!(
            "a label is 1 to {MAX_LABEL_BYTES} bytes without commas, control characters and blanks around it"
        ));
    }
    if text == GIT_HOST {
        return Err(format!(
            "{GIT_HOST} stands for repositories by git URL: take another label"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn a_label_is_one_sound_word_or_more() {
        assert_eq!(label("nfs 1").as_deref(), Ok("nfs 1"));
        for unsound in ["", " ", " nfs", "a,b", "a\nb", "git", &"x".repeat(201)] {
            assert!(label(unsound).is_err(), "{unsound:?}");
        }
    }
}
