//! What may be handed to the validator and to the database at all: no value too deep, too large or with text that
//! Postgres cannot hold. Called by validate.rs before anything that recurses over the value.
//! Never recurses itself: a value built by a sequence of patches may be deeper than any stack.

use std::io::{self, Write};

use serde_json::Value;

use crate::faults::{Faults, step};

/// Deepest nesting of arrays and objects; parsers refuse 128, and a validator needs stack for every level.
pub const MAX_DEPTH: usize = 64;

/// Largest document or definition, in bytes of JSON text without spaces: it is a record, not a file.
pub const MAX_BYTES: usize = 256 * 1024;

enum Token<'v> {
    Top,
    Property(&'v str),
    Item(usize),
}

struct Place<'v> {
    value: &'v Value,
    token: Token<'v>,
    parent: usize,
    depth: usize,
}

/// Checks depth, size and text; answers how many values there are inside, the outermost included.
pub(crate) fn measure(value: &Value) -> Result<usize, Faults> {
    let mut faults = Faults::default();
    let mut places = vec![Place {
        value,
        token: Token::Top,
        parent: 0,
        depth: 0,
    }];
    let mut next = 0;
    while let Some(&Place { value, depth, .. }) = places.get(next) {
        let is_nested = matches!(value, Value::Array(_) | Value::Object(_));
        if is_nested && depth == MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels; flatten it");
            return Err(Faults::one(&pointer(&places, next), "depth", message));
        }
        // Every value takes a byte at least, so the walk itself stays within the limit.
        if places.len() > MAX_BYTES {
            return Err(too_large());
        }
        match value {
            Value::String(text) if text.contains('\0') => {
                faults.add(&pointer(&places, next), "text", NUL);
            }
            Value::Array(items) => places.extend(items.iter().enumerate().map(|(index, value)| Place {
                value,
                token: Token::Item(index),
                parent: next,
                depth: depth + 1,
            })),
            Value::Object(properties) => {
                if properties.keys().any(|name| name.contains('\0')) {
                    faults.add(&pointer(&places, next), "text", NUL);
                }
                places.extend(properties.iter().map(|(name, value)| Place {
                    value,
                    token: Token::Property(name),
                    parent: next,
                    depth: depth + 1,
                }));
            }
            _ => {}
        }
        next += 1;
    }
    if is_too_large(value) {
        return Err(too_large());
    }
    faults.into_result()?;
    Ok(places.len())
}

const NUL: &str = "contains the character U+0000, which the database cannot hold; remove it";

fn too_large() -> Faults {
    let message = format!("larger than {MAX_BYTES} bytes; keep long content in files and store where it is");
    Faults::one("", "size", message)
}

fn pointer(places: &[Place<'_>], at: usize) -> String {
    let mut steps = Vec::new();
    let mut at = at;
    loop {
        match places[at].token {
            Token::Top => break,
            Token::Property(name) => steps.push(name.to_owned()),
            Token::Item(index) => steps.push(index.to_string()),
        }
        at = places[at].parent;
    }
    steps
        .iter()
        .rev()
        .fold(String::new(), |pointer, token| step(&pointer, token))
}

fn is_too_large(value: &Value) -> bool {
    serde_json::to_writer(Allowance(MAX_BYTES), value).is_err()
}

/// Takes as many bytes as are allowed and fails on the next one.
struct Allowance(usize);

impl Write for Allowance {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
