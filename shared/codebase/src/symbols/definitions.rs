//! The definitions of one file and the bytes they are stored as. Equal definitions give equal bytes, so that an index can be
//! compared with its tree. Pure.

use super::SymbolKind;
use crate::lexical::varint;

/// Raised when the layout changes; bytes of another one are not read, and the chunker's version has to be raised with it.
const LAYOUT: u8 = 1;

/// The definitions of a file, in the order of their beginnings, parents before children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// What stands between a name and its parent's.
    pub separator: NameSeparator,
    /// The definitions.
    pub list: Vec<Definition>,
}

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// As it is written; what is declared outside of its parent may be qualified, as `Shape::area`.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// Position of the definition around it; always before its own.
    pub parent: Option<u32>,
    /// First line, from 1, with the comments and attributes before it.
    pub start_line: u32,
    /// The line its own text begins at.
    pub opening_line: u32,
    /// Last line, inclusive.
    pub end_line: u32,
    /// Lines of its head, from the opening line to where its body begins.
    pub signature_lines: u32,
}

/// What stands between a name and its parent's in a qualified name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameSeparator {
    /// `Registry.open`
    #[default]
    Dot,
    /// `Queue::claim`
    Colons,
    /// `Guide > Install`
    Arrow,
}

impl NameSeparator {
    /// The separator as text.
    pub fn as_str(self) -> &'static str {
        match self {
            NameSeparator::Dot => ".",
            NameSeparator::Colons => "::",
            NameSeparator::Arrow => " > ",
        }
    }
}

impl Definitions {
    /// The name of a definition with those of its parents before it.
    pub fn qualified(&self, position: usize) -> String {
        let mut parts = vec![self.list[position].name.as_str()];
        let mut parent = self.list[position].parent;
        while let Some(position) = parent.and_then(|parent| usize::try_from(parent).ok()) {
            parts.push(&self.list[position].name);
            parent = self.list[position].parent;
        }
        parts.reverse();
        parts.join(self.separator.as_str())
    }

    /// How many definitions are around one.
    pub fn depth(&self, position: usize) -> usize {
        let mut depth = 0;
        let mut parent = self.list[position].parent;
        while let Some(position) = parent.and_then(|parent| usize::try_from(parent).ok()) {
            depth += 1;
            parent = self.list[position].parent;
        }
        depth
    }

    /// The innermost definition that holds a line.
    pub(crate) fn around(&self, line: u32) -> Option<usize> {
        let opened = self.list.partition_point(|definition| definition.opening_line <= line);
        self.list[..opened]
            .iter()
            .rposition(|definition| line <= definition.end_line)
    }

    /// None when there is nothing to store.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        if self.list.is_empty() {
            return None;
        }
        let mut bytes = Vec::with_capacity(self.list.len() * 20 + 2);
        bytes.push(LAYOUT);
        bytes.push(match self.separator {
            NameSeparator::Dot => 0,
            NameSeparator::Colons => 1,
            NameSeparator::Arrow => 2,
        });
        let mut previous_line = 0;
        for (position, definition) in (0u32..).zip(&self.list) {
            let distance = definition.parent.map_or(0, |parent| position.saturating_sub(parent));
            bytes.push(definition.kind as u8);
            varint::write(&mut bytes, u64::from(distance));
            varint::write_signed(&mut bytes, i64::from(definition.opening_line) - previous_line);
            varint::write(
                &mut bytes,
                u64::from(definition.opening_line.saturating_sub(definition.start_line)),
            );
            varint::write(
                &mut bytes,
                u64::from(definition.end_line.saturating_sub(definition.opening_line)),
            );
            varint::write(&mut bytes, u64::from(definition.signature_lines));
            varint::write(&mut bytes, definition.name.len() as u64);
            bytes.extend_from_slice(definition.name.as_bytes());
            previous_line = i64::from(definition.opening_line);
        }
        Some(bytes)
    }

    /// None when the bytes are damaged or of another layout.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Definitions> {
        let header = bytes.split_off(..2)?;
        let separator = match header {
            [LAYOUT, 0] => NameSeparator::Dot,
            [LAYOUT, 1] => NameSeparator::Colons,
            [LAYOUT, 2] => NameSeparator::Arrow,
            _ => return None,
        };
        let mut list: Vec<Definition> = Vec::new();
        let mut previous_line = 0;
        while let Some((&kind, rest)) = bytes.split_first() {
            bytes = rest;
            let number = |bytes: &mut &[u8]| u32::try_from(varint::read(bytes)?).ok();
            let distance = number(&mut bytes)?;
            let opening = varint::read_signed(&mut bytes)?.checked_add(previous_line)?;
            let opening_line = u32::try_from(opening).ok()?;
            let start_line = opening_line.checked_sub(number(&mut bytes)?)?;
            let end_line = opening_line.checked_add(number(&mut bytes)?)?;
            let signature_lines = number(&mut bytes)?;
            let length = usize::try_from(varint::read(&mut bytes)?).ok()?;
            let name = std::str::from_utf8(bytes.split_off(..length)?).ok()?;
            let position = u32::try_from(list.len()).ok()?;
            list.push(Definition {
                name: name.to_owned(),
                kind: SymbolKind::from_number(kind)?,
                parent: match distance {
                    0 => None,
                    distance => Some(position.checked_sub(distance)?),
                },
                start_line,
                opening_line,
                end_line,
                signature_lines,
            });
            previous_line = opening;
        }
        Some(Definitions { separator, list })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn definition(name: &str, parent: Option<u32>, lines: (u32, u32, u32)) -> Definition {
        Definition {
            name: name.to_owned(),
            kind: SymbolKind::Method,
            parent,
            start_line: lines.0,
            opening_line: lines.1,
            end_line: lines.2,
            signature_lines: 2,
        }
    }

    fn definitions() -> Definitions {
        Definitions {
            separator: NameSeparator::Colons,
            list: vec![
                definition("Größe", None, (1, 3, 40)),
                definition("claim", Some(0), (5, 5, 9)),
                definition("inner", Some(1), (4, 4, 8)),
                definition("release", Some(0), (10, 200_000, 200_000)),
                definition("free", None, (200_001, 200_001, 200_300)),
            ],
        }
    }

    #[test]
    fn definitions_come_back_as_they_were() {
        let definitions = definitions();
        assert_eq!(Definitions::decode(&definitions.encode().unwrap()), Some(definitions));
        assert_eq!(Definitions::default().encode(), None);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = definitions().encode().unwrap();
        assert_eq!(Definitions::decode(&[]), None);
        for end in (3..bytes.len()).filter(|end| Definitions::decode(&bytes[..*end]).is_some()) {
            let whole = Definitions::decode(&bytes[..end]).unwrap();
            assert_eq!(
                whole.list,
                definitions().list[..whole.list.len()],
                "cut between two definitions"
            );
        }
        assert_eq!(Definitions::decode(&[9, 0, 1]), None);
    }

    #[test]
    fn names_are_qualified_by_their_parents() {
        let definitions = definitions();
        assert_eq!(definitions.qualified(2), "Größe::claim::inner");
        assert_eq!((definitions.depth(2), definitions.depth(4)), (2, 0));
        assert_eq!(definitions.around(9), Some(1));
        assert_eq!(definitions.around(2), None);
        assert_eq!(definitions.around(40), Some(0));
    }
}
