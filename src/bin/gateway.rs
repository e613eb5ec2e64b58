//! `sealpost-gateway`: see `sealpost::gateway`.

fn main() -> std::process::ExitCode {
    sealpost::gateway::cli::main()
}
