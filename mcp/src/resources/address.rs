//! The address of a resource, taken apart. Pure.

use percent_encoding::percent_decode_str;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    Project(String),
    Job(String),
    Code {
        project: String,
        repository: String,
        path: String,
        lines: Option<(u32, u32)>,
    },
    Schema {
        project: String,
        name: String,
    },
}

impl Address {
    pub(super) fn parse(uri: &str) -> Option<Address> {
        let (scheme, rest) = uri.split_once("://")?;
        match scheme {
            "project" => Some(Address::Project(part(rest)?)),
            "job" => Some(Address::Job(part(rest)?)),
            "schema" => {
                let (project, name) = rest.split_once('/')?;
                Some(Address::Schema {
                    project: part(project)?,
                    name: part(name)?,
                })
            }
            "code" => {
                let (rest, lines) = match rest.split_once('#') {
                    Some((rest, lines)) => (rest, Some(parse_lines(lines)?)),
                    None => (rest, None),
                };
                let (project, rest) = rest.split_once('/')?;
                let (repository, path) = rest.split_once('/')?;
                Some(Address::Code {
                    project: part(project)?,
                    repository: part(repository)?,
                    path: decoded(path).filter(|path| !path.is_empty())?,
                    lines,
                })
            }
            _ => None,
        }
    }
}

fn part(text: &str) -> Option<String> {
    decoded(text).filter(|text| !text.is_empty())
}

fn decoded(text: &str) -> Option<String> {
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

/// L10-L42, or L10 alone.
fn parse_lines(fragment: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.strip_prefix('L')?.parse().ok().filter(|line| *line > 0);
    match fragment.split_once('-') {
        Some((first, last)) => Some((number(first)?, number(last)?)),
        None => Some((number(fragment)?, number(fragment)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let code = |path: &str, lines| {
            Some(Address::Code {
                project: "shop".to_owned(),
                repository: "/src/shop".to_owned(),
                path: path.to_owned(),
                lines,
            })
        };
        for (uri, wanted) in [
            ("project://shop", Some(Address::Project("shop".to_owned()))),
            ("code://shop/%2Fsrc%2Fshop/src/a b.rs", code("src/a b.rs", None)),
            (
                "code://shop/%2Fsrc%2Fshop/src/a.rs#L10-L42",
                code("src/a.rs", Some((10, 42))),
            ),
            ("code://shop/%2Fsrc%2Fshop/src/a.rs#L7", code("src/a.rs", Some((7, 7)))),
            ("code://shop/%2Fsrc%2Fshop/src/a.rs#10", None),
            ("code://shop/src", None),
            (
                "schema://shop/task",
                Some(Address::Schema {
                    project: "shop".to_owned(),
                    name: "task".to_owned(),
                }),
            ),
            ("project://", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(Address::parse(uri), wanted, "{uri}");
        }
    }
}
