// The command gorm uses GORM on the pool: one word, and what to leave off.
//
//	DSN='user:password@tcp(127.0.0.1:3306)/schema?parseTime=true' go run ./examples/gorm
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

type account struct {
	ID      uint64
	Owner   string `gorm:"size:40;uniqueIndex"`
	Balance int64
}

func (account) TableName() string { return "gorm_example_accounts" }

func main() {
	ctx := context.Background()
	if err := errors.Join(run(ctx, os.Getenv("DSN")), mysqlpool.Dispose(ctx)); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dsn string) error {
	// PrepareStmt is left off: the pool keeps prepared statements itself, for all
	// handles, and GORM's would be prepared on each connection beside them.
	db, err := gorm.Open(mysql.New(mysql.Config{DriverName: "mysql_pool", DSN: dsn}), &gorm.Config{TranslateError: true, Logger: logger.Discard})
	if err != nil {
		return err
	}
	handle, err := db.DB()
	if err != nil {
		return err
	}
	defer handle.Close()
	db = db.WithContext(ctx)
	if err := db.AutoMigrate(&account{}); err != nil {
		return err
	}
	defer db.Migrator().DropTable(&account{})
	if err := db.Create([]account{{Owner: "ann", Balance: 100}, {Owner: "bob"}}).Error; err != nil {
		return err
	}
	if err := db.Create(&account{Owner: "ann"}).Error; !errors.Is(err, gorm.ErrDuplicatedKey) {
		return fmt.Errorf("a second ann: %w", err)
	}
	err = db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Model(&account{}).Where("owner = ?", "ann").Update("balance", gorm.Expr("balance - ?", 30)).Error; err != nil {
			return err
		}
		return tx.Model(&account{}).Where("owner = ?", "bob").Update("balance", gorm.Expr("balance + ?", 30)).Error
	})
	if err != nil {
		return err
	}
	var all []account
	if err := db.Order("owner").Find(&all).Error; err != nil {
		return err
	}
	for _, a := range all {
		fmt.Printf("%s: %d\n", a.Owner, a.Balance)
	}
	return nil
}
