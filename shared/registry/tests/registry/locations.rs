//! Which project a place belongs to.

use futures::future::join_all;
use quarry_registry::RegistryError;

use crate::{another_process, create, registry};

#[tokio::test]
async fn directories_with_the_same_name_get_projects_of_their_own() {
    let registry = registry().await;
    let mut names = Vec::new();
    for root in ["/home/a/api", "/home/b/api", "/home/c/API"] {
        let directory = root.rsplit('/').next().unwrap();
        let project = registry
            .project_for_new_location("host", root, directory)
            .await
            .unwrap();
        names.push(project.name.to_string());
    }
    assert_eq!(names, ["api", "api_2", "api_3"]);
    let again = registry
        .project_for_new_location("host", "/home/b/api", "api")
        .await
        .unwrap();
    assert_eq!(again.name.as_str(), "api_2");
    let elsewhere = registry
        .project_for_new_location("laptop", "/home/b/api", "api")
        .await
        .unwrap();
    assert_eq!(elsewhere.name.as_str(), "api_4");
}

#[tokio::test]
async fn callers_with_the_same_new_place_get_the_same_project_also_across_processes() {
    let registry = registry().await;
    let other = another_process(&registry).await;
    let projects = join_all((0..12).map(|n| {
        let registry = if n % 2 == 0 { &registry } else { &other };
        registry.project_for_new_location("host", "/srv/app", "app")
    }))
    .await;

    let first = projects[0].as_ref().unwrap();
    for project in &projects {
        assert_eq!(project.as_ref().unwrap().id, first.id);
    }
    assert_eq!(registry.projects().await.unwrap().len(), 1);
}

#[tokio::test]
async fn callers_with_different_places_of_one_name_get_different_projects() {
    let registry = registry().await;
    let other = another_process(&registry).await;
    let roots: Vec<String> = (0..8).map(|n| format!("/srv/{n}/web")).collect();
    let projects = join_all(roots.iter().enumerate().map(|(n, root)| {
        let registry = if n % 2 == 0 { &registry } else { &other };
        registry.project_for_new_location("host", root, "web")
    }))
    .await;

    let mut names: Vec<String> = projects
        .into_iter()
        .map(|project| project.unwrap().name.to_string())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 8);
}

#[tokio::test]
async fn a_place_can_be_bound_listed_moved_and_unbound() {
    let registry = registry().await;
    let first = create(&registry, "bound_a").await;
    let second = create(&registry, "bound_b").await;
    assert_eq!(registry.project_at("host", "/r").await.unwrap(), None);

    registry.bind_location("host", "/r", &first).await.unwrap();
    assert_eq!(registry.project_at("host", "/r").await.unwrap(), Some(first.clone()));
    registry.bind_location("host", "/r", &second).await.unwrap();
    assert_eq!(registry.project_at("host", "/r").await.unwrap(), Some(second.clone()));
    assert_eq!(registry.locations(&first).await.unwrap(), []);
    assert_eq!(registry.locations(&second).await.unwrap()[0].root, "/r");

    assert!(registry.unbind_location("host", "/r").await.unwrap());
    assert!(!registry.unbind_location("host", "/r").await.unwrap());
    assert_eq!(registry.project_at("host", "/r").await.unwrap(), None);
}

#[tokio::test]
async fn the_places_of_a_dropped_project_are_free_again() {
    let registry = registry().await;
    let project = registry
        .project_for_new_location("host", "/gone", "gone")
        .await
        .unwrap();
    registry.drop_project(&project).await.unwrap();
    assert_eq!(registry.project_at("host", "/gone").await.unwrap(), None);
    assert!(matches!(
        registry.bind_location("host", "/gone", &project).await,
        Err(RegistryError::UnknownProjectId(_))
    ));
    let again = registry
        .project_for_new_location("host", "/gone", "gone")
        .await
        .unwrap();
    assert_ne!(again.id, project.id);
}
