//! What a definition is: the words that users filter by and read, and the numbers under which they are stored.
//! The worker's grammars name these kinds. Numbers are never given to another kind.

use std::fmt;
use std::str::FromStr;

use crate::CodebaseError;

macro_rules! kinds {
    ($($variant:ident = $number:literal $word:literal,)+) => {
        /// What a definition is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "each is the word it is written as")]
        pub enum SymbolKind {
            $($variant = $number,)+
        }

        impl SymbolKind {
            /// Every kind.
            pub const ALL: &[SymbolKind] = &[$(SymbolKind::$variant,)+];

            /// The word, as in `kind: function`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(SymbolKind::$variant => $word,)+
                }
            }
        }
    };
}

kinds! {
    Function = 1 "function",
    Method = 2 "method",
    Class = 3 "class",
    Struct = 4 "struct",
    Enum = 5 "enum",
    Trait = 6 "trait",
    Interface = 7 "interface",
    Module = 8 "module",
    Type = 9 "type",
    Constant = 10 "constant",
    Macro = 11 "macro",
    Section = 12 "section",
    Impl = 13 "impl",
    Extension = 14 "extension",
    Instance = 15 "instance",
    Namespace = 16 "namespace",
    Object = 17 "object",
    Union = 18 "union",
    Property = 19 "property",
    Table = 20 "table",
    View = 21 "view",
    Trigger = 22 "trigger",
    Index = 23 "index",
}

impl SymbolKind {
    pub(crate) fn from_number(number: u8) -> Option<SymbolKind> {
        SymbolKind::ALL.iter().copied().find(|kind| *kind as u8 == number)
    }

    /// Whether who asks for `wanted` means this kind too: languages call the same thing by different words.
    pub(crate) fn is_meant_by(self, wanted: SymbolKind) -> bool {
        use SymbolKind::{
            Class, Enum, Function, Interface, Method, Module, Namespace, Object, Struct, Trait, Type, Union,
        };
        self == wanted
            || match wanted {
                Function => self == Method,
                Method => self == Function,
                Class => matches!(self, Struct | Object),
                Struct => matches!(self, Class | Union),
                Interface => self == Trait,
                Trait => self == Interface,
                Module => self == Namespace,
                Namespace => self == Module,
                Type => matches!(self, Class | Struct | Enum | Trait | Interface | Object | Union),
                _ => false,
            }
    }

    /// Kinds that only say where something belongs: they qualify names, but define nothing themselves.
    pub fn is_scope(self) -> bool {
        matches!(
            self,
            SymbolKind::Impl | SymbolKind::Extension | SymbolKind::Instance | SymbolKind::Namespace
        )
    }
}

impl fmt::Display for SymbolKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for SymbolKind {
    type Err = CodebaseError;

    fn from_str(word: &str) -> Result<SymbolKind, CodebaseError> {
        let wanted = word.trim().to_lowercase();
        let found = SymbolKind::ALL.iter().copied().find(|kind| kind.as_str() == wanted);
        found.ok_or_else(|| {
            let words: Vec<&str> = SymbolKind::ALL.iter().map(|kind| kind.as_str()).collect();
            CodebaseError::InvalidQuery(format!("there is no kind {word:?}: use one of {}", words.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[test]
    fn kinds_come_back_from_words_and_numbers() {
        for kind in SymbolKind::ALL {
            assert_eq!(kind.as_str().to_uppercase().parse::<SymbolKind>().unwrap(), *kind);
            assert_eq!(SymbolKind::from_number(*kind as u8), Some(*kind));
        }
        assert_eq!(SymbolKind::from_number(0), None);
        let refusal = "klass".parse::<SymbolKind>().unwrap_err().to_string();
        assert!(refusal.contains("class, struct"), "{refusal}");
    }
}
