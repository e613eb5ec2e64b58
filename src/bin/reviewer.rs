//! The program of a reviewer.

fn main() -> std::process::ExitCode {
    sealpost::reviewer::cli::main()
}
