//! The schemas that ship with the program, ready to be registered in a project.
//! Hands schemas.rs their definitions and the command line their names.
//! Never changes a template in place once released: version 1 stands in databases.

use serde_json::Value;

/// A schema that ships with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Name under which it is registered.
    pub name: &'static str,
    /// What its entities are.
    pub description: &'static str,
    text: &'static str,
}

/// All templates, in the order of their names.
pub const TEMPLATES: [Template; 2] = [
    Template {
        name: "task",
        description: "A piece of development work",
        text: include_str!("../templates/task.json"),
    },
    Template {
        name: "vendor",
        description: "A supplier whose invoices are read",
        text: include_str!("../templates/vendor.json"),
    },
];

/// The names that [`register_template`](crate::register_template) takes.
pub fn template_names() -> [&'static str; TEMPLATES.len()] {
    TEMPLATES.map(|template| template.name)
}

impl Template {
    /// The template of this name.
    pub fn named(name: &str) -> Option<Self> {
        TEMPLATES.into_iter().find(|template| template.name == name)
    }

    /// Its JSON Schema.
    pub fn definition(&self) -> Value {
        serde_json::from_str(self.text).expect("every template is JSON: a test compiles each")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde::Deserialize;
    use serde_json::Value;

    use super::{TEMPLATES, Template};
    use crate::{CompiledSchema, WorkflowError, compile_schema};

    #[derive(Deserialize)]
    struct Invalid {
        document: Value,
        faults: Vec<String>,
        pointers: Vec<String>,
    }

    #[test]
    fn task_takes_its_valid_documents_and_refuses_its_invalid_ones_where_they_are_wrong() {
        check(
            "task",
            include_str!("../templates/task.valid.json"),
            include_str!("../templates/task.invalid.json"),
        );
    }

    #[test]
    fn vendor_takes_its_valid_documents_and_refuses_its_invalid_ones_where_they_are_wrong() {
        check(
            "vendor",
            include_str!("../templates/vendor.valid.json"),
            include_str!("../templates/vendor.invalid.json"),
        );
    }

    #[test]
    fn every_template_says_its_draft_and_compiles() {
        for template in TEMPLATES {
            let definition = template.definition();
            assert_eq!(definition["$schema"], "https://json-schema.org/draft/2020-12/schema");
            compile_schema(&definition).unwrap();
        }
    }

    fn check(name: &str, valid: &str, invalid: &str) {
        let schema: CompiledSchema = compile_schema(&Template::named(name).unwrap().definition()).unwrap();
        for document in serde_json::from_str::<Vec<Value>>(valid).unwrap() {
            schema.validate(&document).unwrap();
        }
        for case in serde_json::from_str::<Vec<Invalid>>(invalid).unwrap() {
            let Err(WorkflowError::InvalidDocument(found)) = schema.validate(&case.document) else {
                panic!("{} passed", case.document);
            };
            let keywords: Vec<_> = found.faults.iter().map(|fault| fault.keyword.clone()).collect();
            let pointers: Vec<_> = found.faults.iter().map(|fault| fault.pointer.clone()).collect();
            assert_eq!((keywords, pointers), (case.faults, case.pointers), "{}", case.document);
        }
    }
}
