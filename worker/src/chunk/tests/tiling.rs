//! No input breaks it: chunks tile their file, however long, deep or broken it is.

use super::*;
use crate::test_random::Random;

#[test]
fn fixtures_of_any_length_are_tiled() {
    for (path, text) in fixtures() {
        assert_tiles(&path, &text);
        assert_tiles(&path, &text.repeat(20));
        assert_tiles(&path, &text.replace('\n', "\r\n").repeat(5));
        assert_tiles(&path, text.trim_end());
    }
}

#[test]
fn real_sources_are_tiled() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    collect(&workspace.join("worker/src"), &mut files);
    collect(&workspace.join("shared"), &mut files);
    collect(&workspace.join("migrations"), &mut files);
    assert!(files.len() > 30, "{}", files.len());
    for path in files {
        if let Ok(text) = fs::read_to_string(&path) {
            assert_tiles(path.to_str().unwrap(), &text);
        }
    }
}

#[test]
fn blank_files_have_lines_but_no_chunks() {
    assert_eq!(assert_tiles("a.rs", "").line_count, 0);
    assert_eq!(assert_tiles("a.rs", "\n \n\t\n").line_count, 3);
    assert_eq!(assert_tiles("a.txt", "\n\n").chunks, []);
}

#[test]
fn long_runs_of_blank_lines_take_no_time() {
    let blank = "\n".repeat(200_000);
    for path in ["a.txt", "a.md", "a.rs", "a.yaml"] {
        assert_tiles(path, &format!("{blank}a{blank}b\n"));
    }
}

#[test]
fn nesting_of_any_depth_does_not_overflow_the_stack() {
    let deep = 100_000;
    for path in ["a.rs", "a.js", "a.json", "a.py", "a.cpp"] {
        assert_tiles(path, &"(".repeat(deep));
        assert_tiles(path, &format!("{}{}", "[\n".repeat(deep / 4), "]\n".repeat(deep / 4)));
        assert_tiles(path, &format!("{}{}", "{".repeat(deep), "}".repeat(deep)));
    }
    assert_tiles("a.js", &"function a() {\n".repeat(2_000));
}

#[test]
fn one_long_line_is_one_chunk() {
    let text = "value = value + 1; ".repeat(50_000);
    for path in ["a.c", "a.txt", "a.md", "a.zzz"] {
        assert_eq!(assert_tiles(path, &text).chunks.len(), 1, "{path}");
    }
}

#[test]
fn texts_that_would_end_the_process_inside_a_grammar_are_cut_as_text() {
    let python: String = (0..900).map(|level| format!("{}if a:\n", " ".repeat(level))).collect();
    let yaml: String = (0..400).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let here_documents: Vec<String> = (0..300).map(|number| format!("<<A{number}")).collect();
    assert_tiles("a.py", &python);
    assert_tiles("a.yaml", &yaml);
    assert_tiles("a.yaml", &"- ".repeat(2000));
    assert_tiles("a.rb", &format!("f({})\n", here_documents.join(", ")));
    assert_tiles("a.rb", &"\"#{".repeat(1000));
}

fn cut_at(random: &mut Random, text: &str) -> usize {
    text.floor_char_boundary(random.below(text.len() + 1))
}

#[test]
fn broken_sources_are_tiled() {
    const NOISE: [&str; 16] = [
        "{",
        "}",
        "(",
        "\"",
        "'",
        "`",
        "/*",
        "*/",
        "\n",
        "\r",
        "é\u{1f600}",
        "#",
        "<<",
        "end",
        "\t\t",
        "\u{feff}",
    ];
    let mut random = Random(11);
    let fixtures = fixtures();
    for (path, text) in &fixtures {
        for _ in 0..25 {
            let mut broken = text.repeat(1 + random.below(6));
            for _ in 0..1 + random.below(8) {
                let (start, end) = (cut_at(&mut random, &broken), cut_at(&mut random, &broken));
                match random.below(3) {
                    0 => broken.replace_range(start.min(end)..start.max(end), ""),
                    1 => broken.insert_str(start, NOISE[random.below(NOISE.len())]),
                    _ => {
                        let (_, other) = &fixtures[random.below(fixtures.len())];
                        broken.insert_str(start, &other[cut_at(&mut random, other)..]);
                    }
                }
            }
            assert_tiles(path, &broken);
        }
    }
}
