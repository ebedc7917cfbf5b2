//! Where names stand in the text of a chunk, as its parse saw them: not in comments, not in strings, not where they are
//! defined. Stored as distances in bytes, about one byte a name; the names themselves are in the text. Pure.

use crate::lexical::varint;

/// A name in the text of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameUse {
    /// Where it begins in the chunk's text, in bytes.
    pub offset: u32,
    /// What is done with it.
    pub role: UseRole,
}

/// What is done with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UseRole {
    /// Anything else: read, passed on, assigned.
    Reference,
    /// Called.
    Call,
    /// Named as a type.
    Type,
    /// Imported.
    Import,
}

impl UseRole {
    /// The word, as in `role: call`.
    pub fn as_str(self) -> &'static str {
        match self {
            UseRole::Reference => "reference",
            UseRole::Call => "call",
            UseRole::Type => "type",
            UseRole::Import => "import",
        }
    }

    fn of_bits(bits: u64) -> UseRole {
        match bits & 3 {
            0 => UseRole::Reference,
            1 => UseRole::Call,
            2 => UseRole::Type,
            _ => UseRole::Import,
        }
    }
}

/// The bytes of uses, which ascend; none when there are none.
pub(crate) fn encode_uses(uses: &[NameUse]) -> Option<Vec<u8>> {
    if uses.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(uses.len() + uses.len() / 8);
    let mut previous = 0;
    for found in uses {
        let distance = found.offset.saturating_sub(previous);
        varint::write(&mut bytes, u64::from(distance) << 2 | found.role as u64);
        previous = found.offset;
    }
    Some(bytes)
}

/// The uses in their order. Stops at the first damaged byte.
pub(crate) fn decode_uses(mut bytes: &[u8]) -> impl Iterator<Item = NameUse> + '_ {
    let mut offset = 0u32;
    std::iter::from_fn(move || {
        let head = varint::read(&mut bytes)?;
        offset = offset.checked_add(u32::try_from(head >> 2).ok()?)?;
        Some(NameUse {
            offset,
            role: UseRole::of_bits(head),
        })
    })
}

/// Whether the name that begins at `offset` of `text` is `name`, whole.
pub(crate) fn is_name_at(text: &str, offset: u32, name: &str) -> bool {
    let Some(rest) = text.get(offset as usize..) else {
        return false;
    };
    rest.strip_prefix(name)
        .is_some_and(|behind| !behind.starts_with(|next: char| next == '_' || next == '$' || next.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[test]
    fn uses_come_back_as_they_were() {
        let roles = [UseRole::Reference, UseRole::Call, UseRole::Type, UseRole::Import];
        let uses: Vec<NameUse> = [0, 1, 32, 200, 70_000]
            .into_iter()
            .zip(roles.into_iter().cycle())
            .map(|(offset, role)| NameUse { offset, role })
            .collect();
        let bytes = encode_uses(&uses).unwrap();
        assert_eq!(decode_uses(&bytes).collect::<Vec<_>>(), uses);
        assert_eq!(encode_uses(&[]), None);
        assert_eq!(decode_uses(&[0xff; 20]).count(), 0);
    }

    #[test]
    fn a_name_is_met_whole() {
        let text = "claim(claims, größe.claim)";
        assert!(is_name_at(text, 0, "claim"));
        assert!(!is_name_at(text, 6, "claim"));
        assert!(is_name_at(text, 6, "claims"));
        assert!(
            !is_name_at(text, 17, "claim"),
            "in the middle of a character or past the end"
        );
        assert!(!is_name_at(text, 900, "claim"));
    }
}
