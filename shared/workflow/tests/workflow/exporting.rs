use std::io::BufReader;

use quarry_workflow::{
    AsOf, Author, ImportReport, MAX_DEPTH, OnConflict, Operation, WorkflowError, change_entity, entity_history, export,
    get_entity, import, registered_schemas,
};
use serde_json::json;
use sqlx::PgPool;

use crate::project_database::{create, item_definition, link, project_database, register, target, update, with_items};

#[tokio::test]
async fn a_project_comes_back_with_schemas_histories_and_links() {
    let (from, to) = (filled().await, project_database().await);
    let text = exported(&from).await;
    let report = imported(&to, &text, OnConflict::Fail).await.unwrap();
    assert_eq!((report.schemas, report.created, report.links), (2, 3, 1));
    assert_eq!(exported(&to).await, text);
    assert_eq!(registered_schemas(&to).await.unwrap().len(), 2);
    // A second time nothing happens.
    let again = imported(&to, &text, OnConflict::Fail).await.unwrap();
    assert_eq!((again.created, again.unchanged, again.links), (0, 3, 0));
    assert_eq!(exported(&to).await, text);
}

#[tokio::test]
async fn extreme_documents_move_as_any_other() {
    let (from, to) = (project_database().await, project_database().await);
    register(&from, "anything", json!({})).await;
    let deepest = (0..MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    let numbers = json!([
        u64::MAX,
        i64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        0.1 + 0.2,
        1e20,
        -1e-7
    ]);
    for document in [deepest, numbers] {
        let made = create(&from, "anything", document.clone()).await;
        let change = Operation::Revert {
            target: target(&made),
            to_version: 1,
        };
        change_entity(&from, &change, Author::named("test")).await.unwrap();
        assert_eq!(get_entity(&from, made.id, AsOf::Now).await.unwrap().data, document);
    }
    let text = exported(&from).await;
    imported(&to, &text, OnConflict::Fail).await.unwrap();
    assert_eq!(exported(&to).await, text);
}

#[tokio::test]
async fn what_is_there_already_is_treated_as_asked() {
    let (from, to) = (filled().await, project_database().await);
    let text = exported(&from).await;
    imported(&to, &text, OnConflict::Fail).await.unwrap();
    let id = first_id(&to).await;
    let here = get_entity(&to, id, AsOf::Now).await.unwrap();
    let here = update(&to, &here, json!({"title": "changed here"})).await.unwrap();
    let refused = imported(&to, &text, OnConflict::Fail).await;
    let Err(WorkflowError::Import { line: 3, reason }) = refused else {
        panic!("{refused:?}")
    };
    assert!(matches!(*reason, WorkflowError::ImportDiffers { id: differs } if differs == id));
    for (how, overwritten) in [
        (OnConflict::Skip, 0),
        (OnConflict::Newer, 0),
        (OnConflict::Overwrite, 1),
    ] {
        let report = imported(&to, &text, how).await.unwrap();
        assert_eq!(
            (report.overwritten, report.skipped),
            (overwritten, 1 - overwritten),
            "{how:?}"
        );
    }
    let now = get_entity(&to, id, AsOf::Now).await.unwrap();
    assert_eq!(now.version, here.version + 1);
    assert_ne!(now.data["title"], "changed here");
    assert_eq!(entity_history(&to, id, None, 10).await.unwrap()[0].operation, "import");
}

#[tokio::test]
async fn an_import_with_a_wrong_line_changes_nothing() {
    let (from, to) = (filled().await, project_database().await);
    let text = exported(&from).await;
    let broken = [
        text.replacen("\"n\":1", "\"n\":\"x\"", 1),
        text.replacen("\"n\":1", "\"n\":1,\"n\":2", 1),
        text.clone() + "{\"kind\":\"tune\"}\n",
        text.clone()
            + "{\"kind\":\"link\",\"from\":\"00000000-0000-0000-0000-000000000000\",\"link\":\"blocks\",\"to\":\"00000000-0000-0000-0000-000000000001\"}\n",
        text + "nonsense\n",
    ];
    for broken in broken {
        let refused = imported(&to, &broken, OnConflict::Overwrite).await;
        assert!(
            matches!(refused, Err(WorkflowError::Import { line: 1.., .. })),
            "{refused:?}"
        );
        let left: i64 = sqlx::query_scalar("select count(*) from workflow.entity_schemas")
            .fetch_one(&to)
            .await
            .unwrap();
        assert_eq!(left, 0);
    }
}

async fn filled() -> PgPool {
    let pool = with_items().await;
    let mut wider = item_definition();
    wider["properties"]["size"] = json!({"type": "integer"});
    let first = create(&pool, "item", json!({"n": 1, "title": "one"})).await;
    register(&pool, "item", wider).await;
    let first = update(&pool, &first, json!({"size": 3})).await.unwrap();
    let second = create(&pool, "item", json!({"n": 2, "at": "shop/a.rs"})).await;
    let third = create(&pool, "item", json!({"n": 3})).await;
    change_entity(&pool, &Operation::Delete(target(&third)), Author::named("test"))
        .await
        .unwrap();
    link(&pool, first.id, "blocks", second.id).await.unwrap();
    link(&pool, first.id, "about", "shop/b.rs#L3").await.unwrap();
    pool
}

async fn exported(pool: &PgPool) -> String {
    let mut out = Vec::new();
    export(pool, None, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

async fn imported(pool: &PgPool, text: &str, how: OnConflict) -> Result<ImportReport, WorkflowError> {
    import(pool, BufReader::new(text.as_bytes()), how, "test", false).await
}

async fn first_id(pool: &PgPool) -> uuid::Uuid {
    sqlx::query_scalar("select min(id::text)::uuid from workflow.entities")
        .fetch_one(pool)
        .await
        .unwrap()
}
