//! The pages' texts: one Fluent file per language, the same keys and variables in each.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

use super::language;
use crate::tip::Language;

/// The Fluent source of a language.
pub(super) const fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("languages/en.ftl"),
        Language::Korean => include_str!("languages/ko.ftl"),
        Language::ChineseSimplified => include_str!("languages/zh-Hans.ftl"),
    }
}

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<[(Language, Bundle); 3]> =
    LazyLock::new(|| language::ALL.map(|language| (language, bundle(language))));

fn bundle(language: Language) -> Bundle {
    // a text that does not parse is missing; a test asks for all of them
    let resource = FluentResource::try_new(source(language).to_owned())
        .unwrap_or_else(|(resource, _)| resource);
    let tag: LanguageIdentifier = language::tag(language).parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![tag]);
    // marks for mixed directions; none of our languages runs from right to left
    bundle.set_use_isolating(false);
    let _ = bundle.add_resource(resource);
    bundle
}

/// The text `key` in a language; None if there is none.
pub(super) fn text(language: Language, key: &str, variables: &FluentArgs<'_>) -> Option<String> {
    let (_, bundle) = BUNDLES.iter().find(|(of, _)| *of == language)?;
    let pattern = bundle.get_message(key)?.value()?;
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(variables), &mut errors);
    debug_assert!(errors.is_empty(), "{key}: {errors:?}");
    Some(text.into_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Every key of a language with the variables that its text uses.
    pub(in super::super) fn keys(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        let mut keys = BTreeMap::new();
        let mut current = String::new();
        for line in source(language).lines() {
            if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                current = line.split_once(" =").unwrap().0.to_owned();
                let before = keys.insert(current.clone(), BTreeSet::new());
                assert!(before.is_none(), "{current} is there twice");
            }
            for used in line.split("{ $").skip(1) {
                let variable = used.split_once(" }").unwrap().0.to_owned();
                keys.get_mut(&current).unwrap().insert(variable);
            }
        }
        keys
    }

    #[test]
    fn every_language_has_the_same_texts_with_the_same_variables() {
        let english = keys(Language::English);
        assert!(english.len() > 60);
        for language in language::ALL {
            assert_eq!(keys(language), english, "{language:?}");
        }
    }

    #[test]
    fn every_text_parses_and_is_not_empty() {
        for language in language::ALL {
            assert!(FluentResource::try_new(source(language).to_owned()).is_ok(), "{language:?}");
            for (key, variables) in keys(language) {
                let mut values = FluentArgs::new();
                for variable in &variables {
                    values.set(variable.as_str(), format!("<{variable}>"));
                }
                let said = text(language, &key, &values).unwrap();
                assert!(!said.trim().is_empty(), "{key}");
                for variable in &variables {
                    assert!(said.contains(&format!("<{variable}>")), "{key}: {said}");
                }
                assert!(!said.contains('\u{2068}'), "{key} has isolation marks");
            }
        }
    }

    #[test]
    fn languages_are_not_copies_of_each_other() {
        let none = FluentArgs::new();
        for (key, _) in keys(Language::English).iter().filter(|(_, v)| v.is_empty()) {
            let [en, ko, zh] = language::ALL.map(|l| text(l, key, &none).unwrap());
            if key != "list-separator" {
                assert!(en != ko && en != zh && ko != zh, "{key}");
            }
        }
    }
}
