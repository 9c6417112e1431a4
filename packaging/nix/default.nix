# Not run yet: Nix was not at hand. Of the checkout:
#   nix-build packaging/nix
{
  pkgs ? import <nixpkgs> { },
}:
pkgs.rustPlatform.buildRustPackage {
  pname = "quiltd";
  version = "0.1.0";
  src = pkgs.lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;
  cargoBuildFlags = [ "-p" "quiltd" "-p" "quiltctl" "-p" "quiltctl-aws" ];
  # The tests need programs and networks that a build has not.
  doCheck = false;
  nativeBuildInputs = [ pkgs.cmake pkgs.installShellFiles ];
  postInstall = ''
    mkdir man && $out/bin/quiltctl man --all man
    installManPage man/*.1 packaging/man/*.1
    for shell in bash zsh fish; do
      $out/bin/quiltctl completions $shell > quiltctl.$shell
      installShellCompletion --cmd quiltctl --$shell quiltctl.$shell
    done
    install -Dm644 systemd/quiltd.socket -t $out/lib/systemd/user
    install -Dm644 systemd/quiltd.service -t $out/lib/systemd/user
    substituteInPlace $out/lib/systemd/user/quiltd.service \
      --replace-fail "%h/.local/bin/quiltd" "$out/bin/quiltd"
  '';
  meta = {
    description = "Log in to a Quilt catalog once, for every AWS program";
    homepage = "https://github.com/quiltdata/quiltd";
    license = with pkgs.lib.licenses; [ asl20 mit ];
    mainProgram = "quiltctl";
  };
}
