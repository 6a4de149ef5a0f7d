#!/bin/sh
# Waits until autoscaling groups run nothing but one version of their launch template.
#
#     replaced.sh GROUP_ARN=VERSION…
#
# Ends with 0 when all of them do, and with 1 and a sentence when an instance refresh went badly, when none replaces an instance
# of another version, or after three hours. Asks AWS by its CLI, with the credentials that this has of its own. A first version
# is a new group's, which nothing has to replace. GAS_LOOK_SECONDS: seconds between two looks (15).

set -u

look_seconds=${GAS_LOOK_SECONDS:-15}
longest_seconds=10800
# a refresh that was just started may not be shown yet, so what is wrong has to stay wrong
patience=4

export AWS_PAGER="" AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=10

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# ask SERVICE OPERATION OPTION…: sets `answer`; AWS may fail for as long as it has patience
ask() {
  attempt=1
  until answer=$(aws --region "$region" --output text "$@" 2>"$errors"); do
    [ "$attempt" -lt "$patience" ] || fail "AWS does not say whether the daemons' instances were replaced: $(cat "$errors")"
    attempt=$((attempt + 1))
    sleep "$look_seconds"
  done
}

# look GROUP VERSION: succeeds if nothing else runs there; else `saw` says how far it is, and `wrong` what nothing will mend
look() {
  ask autoscaling describe-instance-refreshes --auto-scaling-group-name "$1" \
    --query "InstanceRefreshes[0].[Status, PercentageComplete, StatusReason]"
  read -r status percent reason <<EOF
$answer
EOF
  # after the refresh, so that one which has just ended is not held against what it replaced
  ask autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$1" --query "AutoScalingGroups[0].[
    DesiredCapacity, length(Instances), join(' ', Instances[?LaunchTemplate.Version != '$2' && !starts_with(LifecycleState, 'Terminating')].InstanceId)]"
  [ "$answer" != None ] || fail "There is no autoscaling group $1 in $region."
  read -r desired instances others <<EOF
$answer
EOF
  # a fleet that sleeps wakes with the new version, whatever became of a refresh of nothing
  [ "$desired $instances" != "0 0" ] || return 0

  [ "$percent" != None ] || percent=""
  shown=$status
  [ "$status" != None ] || shown="no instance refresh"
  saw="$saw $1: $shown${percent:+, $percent %}."
  again="Mend it and run: aws autoscaling start-instance-refresh --region $region --auto-scaling-group-name $1; then terraform apply. Or set the release that ran before, and apply."
  case $status in
    None | Successful)
      [ -n "$others" ] || return 0
      wrong="No instance refresh of $1 replaces $others, which do not run version $2 of its launch template. $again"
      ;;
    Failed | Cancelling | Cancelled)
      wrong="The instance refresh of $1 is $status: $reason. The portal's instances stay as they are. $again"
      ;;
    Rollback*)
      # the group launches the version before, which Terraform sees and changes, and then starts a refresh
      wrong="The instance refresh of $1 is $status: $reason. The portal's instances stay as they are. Mend it, or set the release that ran before, and apply."
      ;;
  esac
  return 1
}

waiting=""
for pair in "$@"; do
  [ "${pair##*=}" -le 1 ] || waiting="$waiting $pair"
done
[ -n "$waiting" ] || exit 0

command -v aws >/dev/null ||
  fail "The AWS CLI is not on the PATH (aws): Terraform waits with it until the daemons' instances are replaced. Install it and apply again."
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
arn=${1%=*}
region=$(printf '%s' "$arn" | cut -d : -f 4)
account=$(printf '%s' "$arn" | cut -d : -f 5)
answer=$(aws --region "$region" --output text sts get-caller-identity --query Account 2>"$errors") ||
  fail "The AWS CLI has no credentials that are good here; what only the provider's configuration has, it does not see. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its companions, and apply again: $(cat "$errors")"
[ "$answer" = "$account" ] ||
  fail "The AWS CLI's credentials are of the account $answer, and the groups are in $account. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its companions, and apply again."

began=$(date +%s)
stuck=0
before=""
while :; do
  saw="" wrong="" left=""
  for pair in $waiting; do
    name=${pair%=*}
    look "${name##*/}" "${pair##*=}" || left="$left $pair"
  done
  waiting=$left
  [ -n "$waiting" ] || exit 0
  [ "$saw" = "$before" ] || printf '%s\n' "Waiting for the daemons' instances.$saw"
  before=$saw
  if [ -n "$wrong" ]; then stuck=$((stuck + 1)); else stuck=0; fi
  [ "$stuck" -lt "$patience" ] || fail "$wrong"
  [ $(($(date +%s) - began)) -lt "$longest_seconds" ] ||
    fail "After three hours the daemons' instances are not replaced.$saw When they are, apply again."
  sleep "$look_seconds"
done
