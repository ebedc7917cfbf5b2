//! How large chunks are. Everything uses [`ChunkSizes::CHOSEN`] but `examples/chunk_sizes.rs`, which tries others on
//! questions to functions: `worker/benches/search_quality/README.md` has its table and the reason for this choice.

/// Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSizes {
    /// No chunk of several lines is longer. A function of 45 lines fits; one more would be cut anyway by models that read
    /// 512 tokens.
    pub max: usize,
    /// Neighbours are put together until they have this size: a lone getter says too little to be found.
    pub enough: usize,
    /// A file or class of at most this size stays in one piece, whatever it defines.
    pub whole: usize,
    /// Anything smaller joins a neighbour of any size: a closing bracket, an opening line.
    pub tiny: usize,
}

impl ChunkSizes {
    /// What the index is made with.
    pub const CHOSEN: ChunkSizes = ChunkSizes {
        max: 1800,
        enough: 600,
        whole: 1200,
        tiny: 200,
    };
}
