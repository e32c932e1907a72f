//! The kept corpus, once through every target: what was found once is not lost again.

use std::fs;
use std::path::Path;

use tower_completions_fuzz::TARGETS;

#[test]
fn what_is_kept_passes() {
    let mut inputs = 0;
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        for file in fs::read_dir(folder).expect("a corpus for each target") {
            target(&fs::read(file.expect("a file").path()).expect("bytes"));
            inputs += 1;
        }
    }
    assert!(inputs > 100, "{inputs}");
}
