//! Templates and YAML are read by recursion, which needs more stack than the other plugins have.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-cdylib=-zstack-size=262144");
}
