//! A report as a browser's parser sees it.

use html5gum::{Token, Tokenizer, emitters::default::DefaultEmitter};
use serde_json::Value;
use std::collections::BTreeMap;

/// What tests look at.
pub struct Page {
    pub title: String,
    /// The block of data.
    pub data: Value,
    /// What the list of findings says.
    pub findings: String,
    /// The counters' table: names in `Stats`, and numbers.
    pub counters: BTreeMap<String, u64>,
}

/// Elements that have no end.
const VOID: [&str; 3] = ["meta", "br", "link"];

impl Page {
    /// Panics where the page is not well-formed, or asks the network for something.
    pub fn parse(html: &str) -> Self {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let mut page =
            Page { title: String::new(), data: Value::Null, findings: String::new(), counters: BTreeMap::new() };
        let mut open: Vec<(String, String)> = vec![];
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        for token in Tokenizer::new_with_emitter(html, emitter) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) => {
                    let name = text(&tag.name);
                    let attributes: BTreeMap<String, String> =
                        tag.attributes.iter().map(|(name, value)| (text(name), text(value))).collect();
                    assert!(
                        !attributes.contains_key("src") && !attributes.contains_key("href"),
                        "{name}: {attributes:?}"
                    );
                    if let Some(counter) = attributes.get("data-counter") {
                        let value = attributes["data-value"].parse().expect("a number");
                        assert_eq!(page.counters.insert(counter.clone(), value), None, "{counter}");
                    }
                    if !VOID.contains(&name.as_str()) {
                        open.push((name, attributes.get("id").cloned().unwrap_or_default()));
                    }
                }
                Token::EndTag(tag) => {
                    assert_eq!(open.pop().map(|(name, _)| name), Some(text(&tag.name)), "elements nest");
                }
                Token::String(string) => {
                    let string = text(&string);
                    let inside = |id: &str| open.iter().any(|(_, known)| known == id);
                    match open.last() {
                        Some((name, id)) if name == "script" && id == "data" => {
                            page.data = serde_json::from_str(&string).expect("the data is JSON");
                        }
                        Some((name, _)) if name == "title" => page.title += &string,
                        Some(_) if inside("findings") => page.findings += &string,
                        _ => {}
                    }
                }
                Token::Comment(_) | Token::Doctype(_) => {}
                Token::Error(error) => panic!("not well-formed: {error:?}"),
            }
        }
        assert!(open.is_empty(), "{open:?} are not closed");
        page
    }

    /// The kinds of what was found.
    pub fn kinds(&self) -> Vec<&str> {
        let found = self.data["findings"].as_array().expect("a list");
        found.iter().map(|finding| finding["kind"].as_str().expect("a kind")).collect()
    }

    /// CPU faults in all.
    pub fn faults(&self) -> u64 {
        let sum = |values: &Value| values.as_array().expect("a list").iter().filter_map(Value::as_u64).sum::<u64>();
        self.data["faults"].as_array().expect("two lists").iter().map(sum).sum()
    }

    /// Bytes that went this way (`device` or `host`) in all.
    pub fn moved(&self, to: &str) -> u64 {
        let moved = self.data["moved"].as_array().expect("a list");
        moved.iter().filter(|moved| moved["to"] == to).map(|moved| moved["bytes"].as_u64().expect("a number")).sum()
    }
}
