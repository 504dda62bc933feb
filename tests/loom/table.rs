//! The table of all models.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use std::{env, fs, thread};

/// By the name of its test: the executions of a model, and their time.
static MODELS: Mutex<BTreeMap<String, (usize, Duration)>> = Mutex::new(BTreeMap::new());

/// Notes that the model of this test has been played, or one more of them, and writes the table if it is asked for.
pub fn note(executions: usize, time: Duration) {
    let Ok(file) = env::var("MODEL_TABLE") else {
        return;
    };
    let test = thread::current().name().unwrap_or_default().to_string();
    let mut models = MODELS.lock().unwrap();
    let sum = models.entry(test).or_default();
    *sum = (sum.0 + executions, sum.1 + time);
    let mut table = "| model | covers | executions | time |\n|---|---|---|---|\n".to_string();
    for (test, (executions, time)) in &*models {
        let covers = covers(test);
        let seconds = time.as_secs_f64();
        writeln!(
            table,
            "| `{test}` | {covers} | {executions} | {seconds:.1} s |"
        )
        .unwrap();
    }
    fs::write(file, table).unwrap();
}

/// The first sentences of what stands above the test.
fn covers(test: &str) -> String {
    let (module, function) = test.split_once("::").expect("a test is in a module");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/loom");
    let source = fs::read_to_string(folder.join(module).with_extension("rs")).unwrap();
    let begin = source.find(&format!("fn {function}(")).unwrap();
    let above = source[..begin]
        .lines()
        .rev()
        .skip_while(|line| line.starts_with("#["));
    let mut lines: Vec<_> = above.map_while(|line| line.strip_prefix("/// ")).collect();
    lines.reverse();
    lines.join(" ").trim_end_matches('.').to_string()
}
