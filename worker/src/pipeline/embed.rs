//! Gives every chunk its vector: known ones from the project's cache, the others from the endpoint, each distinct text once.
//! Pages pass one after the other, so that a text of one page is known to the next; the client sends the requests of a
//! page in parallel.

use std::collections::HashMap;
use std::time::Instant;

use quarry_embedding::{Embedded, Purpose};
use tokio::sync::mpsc;

use super::{Pipeline, Prepared, Stage};
use crate::jobs::JobError;

type Hash = [u8; 32];

impl Pipeline<'_> {
    pub(super) async fn embed(
        &self,
        mut prepared: mpsc::Receiver<Prepared>,
        embedded: mpsc::Sender<Prepared>,
    ) -> Result<(), JobError> {
        let mut passed = 0;
        while let Some(mut page) = prepared.recv().await {
            self.run.check_stop()?;
            // One page passes in any case: a lane that is handed back again and again still comes to an end.
            if passed > 0 && self.share.is_drained() {
                self.share.leave_rest();
                return Ok(());
            }
            passed += 1;
            let started = Instant::now();
            self.embed_page(&mut page).await?;
            self.times.add_since(Stage::Embed, started);
            if embedded.send(page).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn embed_page(&self, page: &mut Prepared) -> Result<(), JobError> {
        let texts = std::mem::take(&mut page.texts);
        let hashes: Vec<Hash> = page
            .files
            .iter()
            .flat_map(|file| &file.chunks)
            .map(|chunk| chunk.embedding_hash)
            .collect();
        let mut distinct = hashes.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let model = self.model.as_str();
        let mut vectors = quarry_codebase::known_embeddings(&self.database, model, &distinct).await?;

        let mut refused: HashMap<Hash, String> = HashMap::new();
        let mut unknown: Vec<(Hash, &str)> = Vec::new();
        let mut asked = std::collections::HashSet::new();
        for (hash, text) in hashes.iter().zip(&texts) {
            if !vectors.contains_key(hash) && asked.insert(*hash) {
                unknown.push((*hash, text));
            }
        }
        page.counts.reused = (hashes.len() - unknown.len()) as u64;
        // Without a client the text is found by its words until the other model is there.
        if let Some(client) = &self.client
            && !unknown.is_empty()
        {
            page.counts.embedded = unknown.len() as u64;
            let asked: Vec<&str> = unknown.iter().map(|(_, text)| *text).collect();
            let answers = client.embed(Purpose::Document, &asked).await?;
            let mut fresh = Vec::with_capacity(answers.len());
            for ((hash, _), answer) in unknown.iter().zip(answers) {
                match answer {
                    Embedded::Vector(vector) => fresh.push((*hash, vector)),
                    Embedded::Refused(reason) => {
                        refused.insert(*hash, reason);
                    }
                }
            }
            let rows: Vec<(Hash, &[f32])> = fresh.iter().map(|(hash, vector)| (*hash, vector.as_slice())).collect();
            quarry_codebase::store_embeddings(&self.database, model, &rows).await?;
            vectors.extend(fresh);
        }
        page.counts.refused = refused.len() as u64;
        for chunk in page.files.iter_mut().flat_map(|file| &mut file.chunks) {
            chunk.embedding = vectors.get(&chunk.embedding_hash).cloned();
            chunk.embedding_error = refused.get(&chunk.embedding_hash).cloned();
        }
        Ok(())
    }
}
