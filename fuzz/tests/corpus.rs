//! The programs that the fuzzer has found worth keeping: each covers something that no other one does.

use std::fs;
use std::path::Path;

#[test]
fn every_program_of_the_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/program");
    let mut played = 0;
    for entry in fs::read_dir(corpus).expect("the corpus is there") {
        let path = entry.expect("the corpus can be listed").path();
        let program = fs::read(&path).expect("a program can be read");
        // Shown only if the program fails.
        println!("{}", path.display());
        amphi_fuzz::run(&program);
        played += 1;
    }
    assert!(played > 0, "the corpus is empty");
}
