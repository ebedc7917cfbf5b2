//! How much each kind of evidence counts in ranking. The defaults were chosen on the development packages of the evaluation in
//! `worker/benches/search_quality`, whose README says what each of them gains; an evaluation sets others.

/// The weights of one search. Corrections multiply: a weight of 0 turns one off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// How much words count in a question, 0 to 1; meaning counts the rest.
    pub words_in_question: f32,
    /// The same where a name or a path was asked: spelling says nearly all, the vector only orders equals.
    pub words_in_name: f32,
    /// The symbol's words are in the query.
    pub name: f32,
    /// The words of the file's name are in the query.
    pub file_stem: f32,
    /// The words of the file's directory are in the query.
    pub directory: f32,
    /// Defines a name that the query spells like an identifier, amid other words.
    pub asked_name: f32,
    /// Lies in a file or directory that the query names amid other words.
    pub asked_path: f32,
    /// Defines a name that begins like the asked one, which nothing is called.
    pub partial_name: f32,
    /// How much less a chunk counts that is all but equal to a better one.
    pub twin: f32,
    /// The file is called like the asked symbol.
    pub named_file: f32,
    /// It is in a programming language that the query names.
    pub language: f32,
    /// The asked qualifier (`Reader` of `Reader::parse`) is in the symbol or the path.
    pub qualifier: f32,
    /// Other good chunks of the same file speak for it.
    pub coherence: f32,
    /// The chunk has many of the query's words, not one of them many times.
    pub coverage: f32,
    /// How far tests, examples, documents and the like step back; 1 = as `path_role.rs` says, 0 = not at all.
    pub role: f32,
    /// Each further chunk of a file counts this much less than the one before.
    pub same_file: f32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            words_in_question: 0.5,
            words_in_name: 0.8,
            name: 0.2,
            file_stem: 0.2,
            directory: 0.1,
            asked_name: 0.5,
            asked_path: 0.5,
            partial_name: 1.0,
            twin: 0.2,
            named_file: 0.3,
            language: 0.6,
            qualifier: 0.3,
            coherence: 0.0,
            coverage: 0.5,
            role: 1.0,
            same_file: 0.08,
        }
    }
}

impl Weights {
    /// No corrections: the fused evidence alone.
    pub const NEUTRAL: Weights = Weights {
        words_in_question: 0.5,
        words_in_name: 0.5,
        name: 0.0,
        file_stem: 0.0,
        directory: 0.0,
        asked_name: 0.0,
        asked_path: 0.0,
        partial_name: 0.0,
        twin: 0.0,
        named_file: 0.0,
        language: 0.0,
        qualifier: 0.0,
        coherence: 0.0,
        coverage: 0.0,
        role: 0.0,
        same_file: 0.0,
    };

    /// The weight of that name, to change it.
    pub fn by_name(&mut self, name: &str) -> Option<&mut f32> {
        Some(match name {
            "words_in_question" => &mut self.words_in_question,
            "words_in_name" => &mut self.words_in_name,
            "name" => &mut self.name,
            "file_stem" => &mut self.file_stem,
            "directory" => &mut self.directory,
            "asked_name" => &mut self.asked_name,
            "asked_path" => &mut self.asked_path,
            "partial_name" => &mut self.partial_name,
            "twin" => &mut self.twin,
            "named_file" => &mut self.named_file,
            "language" => &mut self.language,
            "qualifier" => &mut self.qualifier,
            "coherence" => &mut self.coherence,
            "coverage" => &mut self.coverage,
            "role" => &mut self.role,
            "same_file" => &mut self.same_file,
            _ => return None,
        })
    }
}
