# Not run yet: no macOS and no Homebrew were at hand. To be checked with
# `brew install --build-from-source` and `brew test` before it goes to a tap.
class Quiltd < Formula
  desc "Log in to a Quilt catalog once, for every AWS program"
  homepage "https://github.com/quiltdata/quiltd"
  url "https://github.com/quiltdata/quiltd.git", tag: "v0.1.0"
  license any_of: ["Apache-2.0", "MIT"]

  depends_on "cmake" => :build
  depends_on "rust" => :build

  def install
    %w[daemon cli cli/aws].each do |path|
      system "cargo", "install", "--profile", "dist", *std_cargo_args(path:)
    end
    generate_completions_from_executable(bin/"quiltctl", "completions")
    man1.mkpath
    system bin/"quiltctl", "man", "--all", man1
    man1.install Dir["packaging/man/*.1"]
  end

  service do
    run opt_bin/"quiltd"
    keep_alive crashed: true
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/quiltctl --version")
    assert_match "not reachable", shell_output("#{bin}/quiltctl --no-autostart status 2>&1", 4)
  end
end
