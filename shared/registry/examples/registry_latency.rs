//! Measures what the registry promises: lookup under 1 ms, list of 20 under 10 ms, registering under 50 ms, first use of
//! a project under 50 ms, creating a whole project under 300 ms (each at the 95th percentile).
//!
//! `cargo run -p quarry-registry --example registry_latency -- [DATABASE_URL]`; without a URL on a throw-away server,
//! which does not wait for its disk. The projects it creates are dropped again.

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use quarry_postgres::testing::test_database;
use quarry_registry::{Project, ProjectName, Registry, RegistryOptions};

/// As many as the design calls comfortable.
const PROJECTS: usize = 20;
const CALLS: usize = 500;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => test_database().await.url,
    };
    drop(Registry::open(&url, RegistryOptions::default()).await?);

    let mut opening = Vec::new();
    for _ in 0..PROJECTS {
        let started = Instant::now();
        let registry = Registry::open(&url, RegistryOptions::default()).await?;
        opening.push(started.elapsed());
        registry.close().await;
    }
    report("open a current registry", &mut opening, 20.0);

    let registry = Registry::open(&url, RegistryOptions::default()).await?;
    let mut projects: Vec<Project> = Vec::new();
    let measured = measure(&registry, &mut projects).await;
    for project in &projects {
        registry.drop_project(project).await?;
    }
    measured
}

async fn measure(registry: &Registry, projects: &mut Vec<Project>) -> Result<(), Box<dyn Error>> {
    let first = Instant::now();
    let warm = ProjectName::parse("latency_template")?;
    projects.push(registry.create_project(&warm, None, "registry_latency").await?);
    line(&format!(
        "{:<42}{:>9.2} ms",
        "first project, with its template",
        milliseconds(first.elapsed())
    ));

    let mut creating = Vec::new();
    for n in 1..PROJECTS {
        let name = ProjectName::parse(&format!("latency_{n}"))?;
        let started = Instant::now();
        projects.push(registry.create_project(&name, None, "registry_latency").await?);
        creating.push(started.elapsed());
    }
    report("create a project", &mut creating, 300.0);

    let mut lookups = Vec::new();
    for n in 0..CALLS {
        let project = &projects[n % projects.len()];
        let started = Instant::now();
        registry.project(&project.name).await?;
        lookups.push(started.elapsed());
    }
    report("look a project up by name", &mut lookups, 1.0);

    let mut lists = Vec::new();
    for _ in 0..CALLS {
        let started = Instant::now();
        registry.projects().await?;
        lists.push(started.elapsed());
    }
    report("list 20 projects", &mut lists, 10.0);

    let mut binding = Vec::new();
    for n in 0..CALLS {
        let started = Instant::now();
        registry
            .bind_location("latency", &format!("/{n}"), &projects[0])
            .await?;
        binding.push(started.elapsed());
    }
    report("insert a row (bind a location)", &mut binding, 50.0);

    let mut first_uses = Vec::new();
    for project in projects.iter() {
        let started = Instant::now();
        registry.database(project).await?;
        first_uses.push(started.elapsed());
    }
    report("first use of a project's pool", &mut first_uses, 50.0);

    let mut next_uses = Vec::new();
    for n in 0..CALLS {
        let project = &projects[n % projects.len()];
        let started = Instant::now();
        registry.database(project).await?;
        next_uses.push(started.elapsed());
    }
    report("later use of a project's pool", &mut next_uses, 1.0);
    Ok(())
}

fn report(what: &str, durations: &mut [Duration], target_ms: f64) {
    durations.sort_unstable();
    let at = |percent: usize| milliseconds(durations[(durations.len() - 1) * percent / 100]);
    line(&format!(
        "{what:<42}{:>9.2} ms median {:>9.2} ms p95   target {target_ms} ms {}",
        at(50),
        at(95),
        if at(95) <= target_ms { "met" } else { "MISSED" },
    ));
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn line(text: &str) {
    writeln!(std::io::stdout(), "{text}").expect("standard output is open");
}
