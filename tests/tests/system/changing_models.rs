//! A project gets another embedding model: it answers from the complete old vectors until every new one is there, then from the
//! new ones, and no chunk becomes another. A changed setting alone changes nothing.

use serde_json::Value;
use system_tests::{FakeEndpoint, Installation, MODEL, Tree, wait_until_async};

use crate::installation;

pub(super) const NEXT: &str = "fake-next-8";

pub(super) struct Changing {
    pub(super) quarry: Installation,
    pub(super) endpoint: FakeEndpoint,
    pub(super) tree: Tree,
    project: &'static str,
}

impl Changing {
    async fn begin(project: &'static str) -> Changing {
        Changing::begin_with(project, 12).await
    }

    /// An indexed project of so many files, and an endpoint that has a second model of other dimensions.
    pub(super) async fn begin_with(project: &'static str, files: usize) -> Changing {
        let (quarry, endpoint) = installation().await;
        let tree = Tree::new(project);
        tree.write_modules(files);
        quarry.index(tree.root(), project).await;
        endpoint.offer(NEXT, 8);
        Changing {
            quarry,
            endpoint,
            tree,
            project,
        }
    }

    pub(super) async fn index(&self) -> Value {
        self.quarry.index(self.tree.root(), self.project).await
    }

    pub(super) async fn shown(&self) -> Value {
        self.quarry
            .run(["project", "model", self.project, "--json"])
            .await
            .json()
    }

    pub(super) async fn change_to(&self, model: &str, flags: &[&str]) {
        let arguments = [&["project", "model", self.project, model], flags].concat();
        self.quarry.run(arguments).await.succeeded();
    }

    /// The answer by meaning alone, which has to be by meaning.
    pub(super) async fn search(&self, query: &str) -> Value {
        let found = self.quarry.search(self.project, query, &["--mode", "semantic"]).await;
        assert_eq!(found["degraded"], serde_json::json!([]), "{found}");
        found
    }

    /// Every chunk, and the model whose vector it has according to the cache.
    pub(super) async fn chunks(&self) -> Vec<String> {
        let statement = "select id, embeddings.model, vector_dims(chunk.embedding)
            from codebase.code_chunks chunk
            left join codebase.embeddings
                on content_hash = embedding_hash and embeddings.embedding = chunk.embedding
            order by number";
        self.quarry.rows(self.project, statement).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_answers_from_the_old_vectors_until_all_new_ones_are_there() {
    let changing = Changing::begin("changing").await;
    let query = "def compute_3(value):";
    let (found, chunks) = (changing.search(query).await, changing.chunks().await);
    assert!(
        chunks.iter().all(|chunk| chunk.ends_with(&format!("|{MODEL}|16"))),
        "{chunks:?}"
    );

    changing.endpoint.hold_model(Some(NEXT));
    let _worker = changing.quarry.start(["worker"]);
    changing.change_to(NEXT, &[]).await;
    wait_until_async("the new vectors are asked for", async || changing.endpoint.held() == 1).await;
    let during = changing.search(query).await;
    assert_eq!(during["results"], found["results"]);
    assert_eq!(during["freshness"]["next_model"]["model"], NEXT);
    let shown = changing.shown().await;
    assert_eq!(
        (&shown["model"], &shown["embedded_chunks"]),
        (&MODEL.into(), &0.into()),
        "{shown}"
    );
    // The endpoint gives equal vectors to equal texts only, hence no symbol and no line end.
    // What is saved meanwhile is found at once, and gets its new vector with the others.
    changing.tree.write("src/saved.py", "print('while it changes')");
    changing.index().await;
    let saved = changing.search("print('while it changes')").await;
    assert_eq!(saved["results"][0]["path"], "src/saved.py");

    changing.endpoint.hold_model(None);
    wait_until_async("the project has the other model", async || {
        changing.shown().await["model"] == NEXT
    })
    .await;
    let after = changing.search(query).await;
    assert_eq!(after["freshness"]["next_model"], Value::Null);
    let changed = changing.chunks().await;
    let ids = |rows: &[String]| -> Vec<String> { rows.iter().map(|row| row[..36].to_owned()).collect() };
    assert_eq!(ids(&changed)[..chunks.len()], ids(&chunks), "no chunk became another");
    assert!(
        changed.iter().all(|chunk| chunk.ends_with(&format!("|{NEXT}|8"))),
        "{changed:?}"
    );
    let checked = changing.quarry.run(["check", "--project", "changing", "--json"]).await;
    assert_eq!(checked.json()["equal"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_project_equals_one_that_never_had_another_model() {
    let mut changing = Changing::begin("changed").await;
    changing.change_to(NEXT, &["--wait"]).await;
    let asked = changing.endpoint.texts();
    changing.tree.write("src/part_0/module_0.py", "edited = 'afterwards'\n");
    let report = changing.index().await;
    assert_eq!(
        (&report["embedded"], changing.endpoint.texts()),
        (&1.into(), asked + 1),
        "{report}"
    );
    changing.quarry.set("QUARRY_EMBEDDING_MODEL", NEXT);
    changing.quarry.index(changing.tree.root(), "fresh").await;
    assert_eq!(
        changing.quarry.dump("changed").await,
        changing.quarry.dump("fresh").await
    );
    // The way back costs nothing: the old vectors are still known.
    let asked = changing.endpoint.texts();
    changing.change_to(MODEL, &["--wait"]).await;
    assert_eq!(changing.shown().await["model"], MODEL);
    assert_eq!(changing.endpoint.texts(), asked + 1, "only what was edited meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_on_after_a_crash_and_can_be_given_up() {
    let mut changing = Changing::begin("crashed").await;
    changing.quarry.set("QUARRY_WORKER_LEASE_S", "2");
    changing.quarry.set("QUARRY_WORKER_HEARTBEAT_S", "1");
    changing.endpoint.hold_model(Some(NEXT));
    let worker = changing.quarry.start(["worker"]);
    changing.change_to(NEXT, &[]).await;
    wait_until_async("the new vectors are asked for", async || changing.endpoint.held() == 1).await;
    worker.kill().await;
    changing.change_to(MODEL, &[]).await;
    assert_eq!(changing.shown().await["next_model"], Value::Null);
    changing.change_to(NEXT, &[]).await;
    changing.endpoint.hold_model(None);
    let _worker = changing.quarry.start(["worker"]);
    wait_until_async("the project has the other model", async || {
        changing.shown().await["model"] == NEXT
    })
    .await;
    changing.search("def compute_3(value):").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_setting_alone_embeds_nothing_anew() {
    let mut changing = Changing::begin("setting").await;
    changing.quarry.set("QUARRY_EMBEDDING_MODEL", NEXT);
    let chunks = changing.chunks().await;
    changing.tree.write("src/saved.py", "saved = 1\n");
    let report = changing.index().await;
    assert_eq!(report["embedded"], 1, "{report}");
    assert_eq!(changing.chunks().await[..chunks.len()], chunks);
    let shown = changing.shown().await;
    assert_eq!(
        (&shown["model"], &shown["configured_model"]),
        (&MODEL.into(), &NEXT.into()),
        "{shown}"
    );
    changing.search("saved = 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_nobody_offers_any_more_is_named_and_can_be_replaced() {
    let changing = Changing::begin("gone").await;
    changing.endpoint.offer_only(NEXT, 8);
    changing.tree.write("src/saved.py", "print('without its model')");
    let index = [
        "index",
        changing.tree.argument(),
        "--project",
        "gone",
        "--wait",
        "--json",
    ];
    let reasons = [MODEL, NEXT, "quarry project model"];
    changing.quarry.run(index).await.failed(1, &reasons);
    let found = changing.quarry.search("gone", "compute_3", &[]).await;
    assert!(
        found["degraded"][0].as_str().unwrap().contains("quarry project model"),
        "{found}"
    );

    // While the other one is made, what is saved is found by its words.
    changing.endpoint.hold_model(Some(NEXT));
    let _worker = changing.quarry.start(["worker"]);
    changing.change_to(NEXT, &[]).await;
    changing.index().await;
    let found = changing
        .quarry
        .search("gone", "without its model", &["--mode", "lexical"])
        .await;
    assert_eq!(found["results"][0]["path"], "src/saved.py", "{found}");
    changing.endpoint.hold_model(None);
    wait_until_async("the project has the other model", async || {
        changing.shown().await["model"] == NEXT
    })
    .await;
    let found = changing.search("print('without its model')").await;
    assert_eq!(found["results"][0]["path"], "src/saved.py", "{found}");
}
