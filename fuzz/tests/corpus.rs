//! The kept corpus, once through every target: what was found once is not lost again.

use std::fs;
use std::path::Path;

use tower_completions_fuzz::TARGETS;

/// An execution does one of several checks, which the cut picks; here all of them are done.
const CHECKS: usize = 6;

#[test]
fn what_is_kept_passes() {
    let mut inputs = 0;
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        for file in fs::read_dir(folder).expect("a corpus for each target") {
            let mut input = fs::read(file.expect("a file").path()).expect("bytes");
            for _ in 0..CHECKS {
                target(&input);
                let Some(cut) = input.get_mut(2) else { break };
                *cut = cut.wrapping_add(1);
            }
            inputs += 1;
        }
    }
    assert!(inputs > 100, "{inputs}");
}
