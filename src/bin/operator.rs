//! The operator's program: see [`sealpost::operator`].

fn main() -> std::process::ExitCode {
    sealpost::operator::cli::main()
}
