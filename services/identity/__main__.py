"""`python -m services.identity`: the common commands, and those on keys, accounts, rights and the audit trail."""

from services.identity.commandes import audit, chargement, cles, comptes, droits, inactivite, restauration
from services.identity.commandes.operateur import COMMANDS

main = COMMANDS.group()
comptes.add_to(main)
droits.add_to(main)
cles.add_to(main)
audit.add_to(main)
restauration.add_to(main)
inactivite.add_to(main)
main.add_command(chargement.load_command)

if __name__ == "__main__":
    main()
