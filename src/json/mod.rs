//! JSON as text: checked once, then read in place.
//!
//! A chat request can be megabytes of base64, and almost all of it passes through unchanged. So nothing here builds a
//! tree: [`Raw`] is a piece of text that is known to be valid JSON, with ways to look inside, and a value that has to go
//! into another document is copied as it stands, so that numbers keep their digits and strings their escapes.
//!
//! ```
//! use tower_completions::json::Raw;
//!
//! let tool = Raw::parse(r#"{"name": "clock", "seed": 9007199254740993}"#).unwrap();
//! assert_eq!(tool.get("name").and_then(|name| name.as_str()).as_deref(), Some("clock"));
//! assert_eq!(tool.get("seed").unwrap().text(), "9007199254740993");
//! ```

mod fault;
mod kind;
mod prefix;
mod raw;
mod scan;
mod surrogate;
mod template;
mod text;
mod write;

pub use fault::{Fault, FaultKind};
pub use kind::Kind;
pub use raw::{Elements, Fields, Raw};
pub use scan::MAX_DEPTH;
pub(crate) use scan::{Scanner, utf8};
pub(crate) use template::{Found, Place, Template};
pub(crate) use text::Escapes;
pub use text::Text;
pub(crate) use write::two_digits;
pub use write::{write_compact, write_str, write_u64};
