//! The fuzz target: `cargo fuzz run program`. Built without `cargo fuzz`, it plays the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|program: &[u8]| amphi_fuzz::run(program));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for file in std::env::args_os().skip(1) {
        println!("{}", file.to_string_lossy());
        amphi_fuzz::run(&std::fs::read(file)?);
    }
    Ok(())
}
