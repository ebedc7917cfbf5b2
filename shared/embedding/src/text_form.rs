//! What a text is for, and how a model is told: by words before it, or by a field of the request. Models that were trained to
//! tell questions from documents answer worse when both look alike.

use std::borrow::Cow;

/// What the vector of a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be stored and found, or to be compared with what is stored as its like.
    Document,
    /// To find documents that answer it.
    Query,
}

/// How the texts of one purpose are sent; by default as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextForm {
    /// Put before each text as it is, blanks at its end included.
    pub prefix: String,
    /// The field `input_type` of the request. Only the OpenAI form has it.
    pub input_type: Option<String>,
}

impl TextForm {
    /// `text` as it is sent.
    pub(crate) fn written<'text>(&self, text: &'text str) -> Cow<'text, str> {
        if self.prefix.is_empty() {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(format!("{}{text}", self.prefix))
        }
    }
}
