//! Definitions and uses of names, as the one parse of each file saw them. A publication stores them packed, with the files
//! and chunks they belong to; which of those to unpack for a name is asked of the lexical index.
//! Never parses: see the worker's `chunk`.

mod definitions;
mod find;
mod find_definitions;
mod find_uses;
mod kind;
mod near_names;
mod outcome;
mod outline;
mod outline_rows;
mod request;
mod uses;

pub use definitions::{Definition, Definitions, NameSeparator};
pub use find::find_symbol;
pub use kind::SymbolKind;
pub use outcome::{NameMatch, SymbolDefinition, SymbolOutcome, SymbolUse};
pub use outline::{FileOutline, OutlineEntry, file_outline};
pub(crate) use outline_rows::store_outlines;
pub use request::SymbolRequest;
pub(crate) use uses::encode_uses;
pub use uses::{NameUse, UseRole};
